import { openSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { TsukubeError } from "@tsukube/foundation";
import { startProgram } from "./programs.ts";

/**
 * Makes a mount namespace with copies of this one's mounts, which follow nothing that happens here, and holds it open.
 * @param steps Commands of sh that change it. @param without Mount points that it is not to have, deepest first.
 * @returns a descriptor of the namespace, for setns(2); it ends when that is closed. @throws {TsukubeError} `failed`.
 */
export async function openMountView(steps: readonly string[], without: readonly string[]): Promise<number> {
  // what was unmounted meanwhile need not be
  const script = ["xargs -0 -r umount -l 2>/dev/null || true", "set -e", ...steps, "echo made", "cat <&3"].join("\n");
  const args = ["--mount", "--propagation", "private", "sh", "-c", script];
  const waiter = await startProgram("unshare", args, { descriptors: ["input", "output", 2, "input"] });
  const [list, hold] = [0, 3].map((fd) => waiter.inputs.get(fd) as Writable);
  for (const input of [list, hold]) input?.on("error", () => {}); // it may end at once
  const output = waiter.outputs.get(1) as Readable;
  try {
    list?.end(without.map((point) => `${point}\0`).join(""));
    const isMade = await new Promise<boolean>((resolve) => {
      output.once("data", () => resolve(true));
      output.once("close", () => resolve(false));
    });
    if (!isMade) throw new TsukubeError("failed", `Cannot make a mount namespace of "${steps.join("; ")}"`);
    return openSync(`/proc/${waiter.pid}/ns/mnt`, "r");
  } finally {
    list?.destroy();
    hold?.end();
    output.resume();
    await waiter.ended();
  }
}
