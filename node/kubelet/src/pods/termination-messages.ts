import { open, readFile } from "node:fs/promises";
import type { Pod } from "@tsukube/api/types/core-v1";
import { containerNamed } from "./pod-containers.ts";
import type { PodPlaces } from "./pod-places.ts";
import type { RuntimeContainer } from "./runtime-state.ts";

/** Upstream's limits: of a message, of the end of a log in its place, of all messages of a pod together. */
const MESSAGE_BYTES = 4096;
const LOG_BYTES = 2048;
const LOG_LINES = 80;
const POD_BYTES = 12_288;

/** What containers left at their terminationMessagePath, or the end of their log. Each is read once. */
export class TerminationMessages {
  readonly #messages = new Map<string, string>();

  of(container: RuntimeContainer): string {
    return this.#messages.get(container.id) ?? "";
  }

  async read(pod: Pod, containers: readonly RuntimeContainer[], places: PodPlaces): Promise<void> {
    for (const container of containers) {
      if (container.state !== "exited" || this.#messages.has(container.id)) continue;
      this.#messages.set(container.id, await messageOf(pod, container, places));
    }
  }
}

async function messageOf(pod: Pod, container: RuntimeContainer, places: PodPlaces): Promise<string> {
  const all = (pod.spec?.containers.length ?? 1) + (pod.spec?.initContainers?.length ?? 0);
  const most = Math.min(MESSAGE_BYTES, Math.floor(POD_BYTES / Math.max(all, 1)));
  const path = places.message(container.name, container.restartCount);
  const written = await readFile(path).catch(() => Buffer.alloc(0));
  if (written.length > 0) return written.subarray(0, most).toString("utf8");
  const policy = containerNamed(pod, container.name)?.terminationMessagePolicy;
  if (policy !== "FallbackToLogsOnError" || container.exitCode === 0) return "";
  return lastLines(await endOf(container.logPath, LOG_BYTES * 8), Math.min(most, LOG_BYTES));
}

async function endOf(path: string, bytes: number): Promise<string> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return "";
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - bytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, start);
    const text = buffer.subarray(0, bytesRead).toString("utf8");
    return start === 0 ? text : text.slice(text.indexOf("\n") + 1);
  } finally {
    await file.close();
  }
}

/** Pure: the last 80 lines of a log in the CRI's format, at most `bytes` of their text. */
export function lastLines(log: string, bytes: number): string {
  const lines = log.split("\n").filter((line) => line !== "");
  const texts = lines.slice(-LOG_LINES).map((line) => {
    const [time = "", stream = "", tag = ""] = line.split(" ", 3);
    return `${line.slice(time.length + stream.length + tag.length + 3)}${tag === "P" ? "" : "\n"}`;
  });
  return Buffer.from(texts.join("")).subarray(-bytes).toString("utf8");
}
