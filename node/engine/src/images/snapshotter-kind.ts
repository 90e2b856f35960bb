import { existsSync, readFileSync } from "node:fs";

/** How containers get the files of their image: layers that lie over each other, or a copy each. */
export type SnapshotterKind = "overlay" | "copies";

/** Where an engine that keeps layers in a folder notes the kind. */
export function kindNote(folder: string): string {
  return `${folder}/kind`;
}

/** Of an engine that was started before. @param stateDirectory Its own. */
export function snapshotterKind(stateDirectory: string): SnapshotterKind | undefined {
  return notedKind(`${stateDirectory}/s`);
}

/** @param folder With the layers. */
export function notedKind(folder: string): SnapshotterKind | undefined {
  const note = kindNote(folder);
  return existsSync(note) ? (readFileSync(note, "utf8").trim() as SnapshotterKind) : undefined;
}
