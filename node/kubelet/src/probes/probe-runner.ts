import type { ProbeHandler } from "@tsukube/api/types/core-v1";
import { type Clock, messageOf } from "@tsukube/foundation";
import type { Cri } from "../cri/runtime.ts";
import { execProbe } from "./exec-probe.ts";
import { grpcProbe } from "./grpc-probe.ts";
import { httpProbe } from "./http-probe.ts";
import type { ProbeResult, ProbeTarget } from "./probe-target.ts";
import { tcpProbe } from "./tcp-probe.ts";

export type { ProbeResult, ProbeTarget } from "./probe-target.ts";

/** Looks once: exec, httpGet, tcpSocket or grpc. Never throws. */
export async function runProbe(
  probe: ProbeHandler & { readonly timeoutSeconds?: number },
  target: ProbeTarget,
  cri: Pick<Cri, "runtime">,
  clock: Clock,
): Promise<ProbeResult> {
  const seconds = probe.timeoutSeconds ?? 1;
  const { exec, httpGet, tcpSocket, grpc } = probe;
  if (exec !== undefined) return execProbe(exec.command ?? [], target, cri, seconds);
  const over = new AbortController();
  const cancel = clock.after(seconds * 1000, () => over.abort(), { background: true });
  try {
    if (httpGet !== undefined) return await httpProbe(httpGet, target, over.signal);
    if (tcpSocket !== undefined) return await tcpProbe(tcpSocket, target, over.signal);
    if (grpc !== undefined) return await grpcProbe(grpc, target, over.signal, seconds);
    return { ok: true, message: "" };
  } catch (error) {
    const late = `context deadline exceeded: no answer within ${seconds}s`;
    return { ok: false, message: over.signal.aborted ? late : messageOf(error) };
  } finally {
    cancel();
  }
}
