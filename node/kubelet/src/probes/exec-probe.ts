import { messageOf } from "@tsukube/foundation";
import { grpc } from "@tsukube/host/grpc";
import type { Cri } from "../cri/runtime.ts";
import type { ProbeResult, ProbeTarget } from "./probe-target.ts";

const OUTPUT_BYTES = 10 * 1024;

/** Runs a command in the container: success is exit code 0. One that takes longer than `seconds` is killed and has failed. */
export async function execProbe(
  command: readonly string[],
  target: ProbeTarget,
  cri: Pick<Cri, "runtime">,
  seconds: number,
): Promise<ProbeResult> {
  try {
    const call = { containerId: target.containerId, cmd: command, timeout: seconds };
    const { exitCode = 0, stdout, stderr } = await cri.runtime.ExecSync(call);
    const output = Buffer.concat([Buffer.from(stdout ?? []), Buffer.from(stderr ?? [])]).subarray(0, OUTPUT_BYTES);
    return { ok: exitCode === 0, message: output.toString("utf8") };
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    if (code !== grpc.status.DEADLINE_EXCEEDED) return { ok: false, message: messageOf(error) };
    return { ok: false, message: `command ${JSON.stringify(command)} timed out after ${seconds}s` };
  }
}
