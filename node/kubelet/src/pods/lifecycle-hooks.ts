import type { LifecycleHandler } from "@tsukube/api/types/core-v1";
import { type Clock, messageOf } from "@tsukube/foundation";
import type { Cri } from "../cri/runtime.ts";
import { execProbe } from "../probes/exec-probe.ts";
import { httpProbe } from "../probes/http-probe.ts";
import type { ProbeResult, ProbeTarget } from "../probes/probe-target.ts";

/**
 * Runs a postStart or preStop hook: exec, httpGet (any answer will do) or sleep. Never throws.
 * @param signal Ends the wait; a command is killed after `seconds` (0: never).
 */
export async function runHook(
  hook: LifecycleHandler,
  target: ProbeTarget,
  { cri, clock }: { readonly cri: Pick<Cri, "runtime">; readonly clock: Clock },
  signal: AbortSignal,
  seconds = 0,
): Promise<ProbeResult> {
  try {
    if (hook.sleep !== undefined) {
      await clock.sleep(hook.sleep.seconds * 1000, signal).catch(() => {});
      return { ok: true, message: "" };
    }
    if (hook.exec !== undefined) {
      const { ok, message } = await execProbe(hook.exec.command ?? [], target, cri, seconds);
      return { ok, message: ok ? "" : `Exec lifecycle hook failed: ${message}` };
    }
    if (hook.httpGet !== undefined) await httpProbe(hook.httpGet, target, signal);
    return { ok: true, message: "" };
  } catch (error) {
    return { ok: false, message: `Http lifecycle hook failed: ${messageOf(error)}` };
  }
}
