import { mkdir, rm } from "node:fs/promises";
import { TsukubeError } from "@tsukube/foundation";
import { writeAtomically } from "@tsukube/host";
import type { Mounts } from "@tsukube/kernel";
import { CopySnapshotter } from "./copy-snapshotter.ts";
import { OverlaySnapshotter } from "./overlay-snapshotter.ts";
import type { Snapshotter } from "./snapshotter.ts";
import { kindNote, notedKind, type SnapshotterKind } from "./snapshotter-kind.ts";

/**
 * Opens the layers in a folder: as is wanted, as they were opened before, or at first with copies where overlayfs cannot lie.
 * @param style How overlays mark what hides lower layers: as `mounts` makes them.
 * @throws {TsukubeError} `wrong-state` where containers have files of the other kind.
 */
export async function openSnapshotter(
  folder: string,
  mounts: Mounts,
  wanted?: SnapshotterKind,
  style: "overlay" | "user-overlay" = "overlay",
): Promise<Snapshotter> {
  await mkdir(folder, { recursive: true });
  const before = notedKind(folder);
  const kind = wanted ?? before ?? ((await carriesOverlay(folder, mounts)) ? "overlay" : "copies");
  const Kind = kind === "overlay" ? OverlaySnapshotter : CopySnapshotter;
  const snapshotter = new Kind(folder, mounts, style);
  const known = before ?? "overlay"; // engines that noted nothing knew nothing else
  const written = await snapshotter.written();
  if (kind !== known && written.length > 0)
    throw new TsukubeError(
      "wrong-state",
      `Cannot keep files of containers with snapshotter "${kind}": ${written.length} containers have theirs with "${known}", expected none; remove them first, or use "${known}"`,
    );
  if (kind !== before) await writeAtomically(kindNote(folder), `${kind}\n`);
  return snapshotter;
}

/** An overlay cannot lie on another one, nor on some file systems of networks. */
async function carriesOverlay(folder: string, mounts: Mounts): Promise<boolean> {
  const place = `${folder}/probe`;
  const [lower = "", upper = "", work = "", target = ""] = ["l", "u", "w", "t"].map((name) => `${place}/${name}`);
  try {
    for (const each of [lower, upper, work, target]) await mkdir(each, { recursive: true });
    mounts.overlay(target, { lower: [lower], upper, work });
    return true;
  } catch {
    return false;
  } finally {
    mounts.unmount(target);
    await rm(place, { recursive: true, force: true });
  }
}
