import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { createConnection } from "node:net";
import type { Container, Pod, Probe } from "@tsukube/api/types/core-v1";
import type { Clock } from "@tsukube/foundation";
import type { Cri } from "../cri/runtime.ts";

/** How a single look at a container ended. */
export interface ProbeResult {
  readonly ok: boolean;
  readonly message: string;
}

export interface ProbeTarget {
  readonly pod: Pod;
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
}

/** Looks once: exec, httpGet, tcpSocket or grpc. Never throws. */
export async function runProbe(probe: Probe, target: ProbeTarget, cri: Cri, clock: Clock): Promise<ProbeResult> {
  const ms = (probe.timeoutSeconds ?? 1) * 1000;
  const signal = clock.deadline(ms);
  try {
    if (probe.exec !== undefined)
      return await execProbe(probe.exec.command ?? [], target, cri, probe.timeoutSeconds ?? 1);
    if (probe.httpGet !== undefined) return await httpProbe(probe.httpGet, target, signal);
    if (probe.tcpSocket !== undefined)
      return await tcpProbe(
        probe.tcpSocket.host || target.podIp,
        portOf(probe.tcpSocket.port, target.container),
        signal,
      );
    if (probe.grpc !== undefined) return await tcpProbe(target.podIp, probe.grpc.port ?? 0, signal);
    return { ok: true, message: "" };
  } catch (error) {
    const timedOut = signal.aborted ? `context deadline exceeded after ${probe.timeoutSeconds ?? 1}s` : "";
    return { ok: false, message: timedOut || (error instanceof Error ? error.message : String(error)) };
  }
}

/** A port by number or by name. */
export function portOf(port: number | string | undefined, container: Container): number {
  const number = Number(port);
  if (Number.isInteger(number)) return number;
  return container.ports?.find(({ name }) => name === port)?.containerPort ?? 0;
}

async function execProbe(
  command: readonly string[],
  target: ProbeTarget,
  cri: Cri,
  timeout: number,
): Promise<ProbeResult> {
  const {
    exitCode = 0,
    stdout,
    stderr,
  } = await cri.runtime.ExecSync({ containerId: target.containerId, cmd: command, timeout });
  const message = Buffer.concat([Buffer.from(stdout ?? []), Buffer.from(stderr ?? [])])
    .toString("utf8")
    .slice(0, 1024);
  return { ok: exitCode === 0, message };
}

type HttpGet = NonNullable<Probe["httpGet"]>;

function httpProbe(get: HttpGet, target: ProbeTarget, signal: AbortSignal): Promise<ProbeResult> {
  const isTls = get.scheme === "HTTPS";
  const headers = Object.fromEntries((get.httpHeaders ?? []).map(({ name = "", value = "" }) => [name, value]));
  const options = {
    host: get.host || target.podIp,
    port: portOf(get.port, target.container),
    path: get.path || "/",
    headers: { "user-agent": "kube-probe/1.37", accept: "*/*", connection: "close", ...headers },
    signal,
    agent: false as const,
    ...(isTls && { rejectUnauthorized: false }),
  };
  return new Promise((resolve, reject) => {
    const request = (isTls ? httpsRequest : httpRequest)(options, (response) => {
      response.resume();
      const code = response.statusCode ?? 0;
      resolve({ ok: code >= 200 && code < 400, message: `HTTP probe failed with statuscode: ${code}` });
    });
    request.on("error", reject);
    request.end();
  });
}

function tcpProbe(host: string, port: number, signal: AbortSignal): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host, port, signal }, () => {
      socket.destroy();
      resolve({ ok: true, message: "" });
    });
    socket.on("error", reject);
  });
}
