import { createConnection } from "node:net";
import { TsukubeError } from "@tsukube/foundation";
import type { UpgradeRequest } from "@tsukube/host";
import type { Cri } from "../cri/runtime.ts";
import { newest } from "../pods/plan.ts";
import type { PodWorker } from "../pods/pod-worker.ts";

/** The runtime's streaming endpoint for exec, attach or portForward. @throws {TsukubeError} `not-found`. */
export async function streamingUrl(
  cri: Cri,
  kind: string,
  worker: PodWorker,
  container: string,
  query: URLSearchParams,
): Promise<URL> {
  const { runtime } = cri;
  if (kind === "portForward") {
    const asked = [...query.getAll("port"), ...query.getAll("ports")].flatMap((text) => text.split(","));
    const port = asked.map(Number).filter((each) => each > 0);
    const podSandboxId = worker.runtime.sandbox?.id ?? "";
    return new URL((await runtime.PortForward({ podSandboxId, port })).url ?? "");
  }
  const found = newest(worker.runtime, container);
  if (found?.state !== "running") throw new TsukubeError("not-found", `container not found ("${container}")`);
  const on = (name: string): boolean => query.get(name) === "1";
  const tty = on("tty");
  const streams = { containerId: found.id, stdin: on("input"), stdout: on("output"), stderr: on("error") && !tty, tty };
  const { url } =
    kind === "exec" ? await runtime.Exec({ ...streams, cmd: query.getAll("command") }) : await runtime.Attach(streams);
  return new URL(url ?? "");
}

/** Passes an upgraded connection on, bytes both ways. */
export function passOn(request: UpgradeRequest, target: URL): void {
  const upstream = createConnection({ host: target.hostname, port: Number(target.port) });
  const { socket, head } = request;
  upstream.on("error", () => socket.destroy());
  socket.on("error", () => upstream.destroy());
  socket.on("close", () => upstream.destroy());
  upstream.on("close", () => socket.end());
  const lines = [`${request.method} ${target.pathname}${target.search} HTTP/1.1`, `Host: ${target.host}`];
  for (const [name, value] of Object.entries(request.headers)) if (name !== "host") lines.push(`${name}: ${value}`);
  upstream.write(`${lines.join("\r\n")}\r\n\r\n`);
  if (head.length > 0) upstream.write(head);
  upstream.pipe(socket);
  socket.pipe(upstream);
}
