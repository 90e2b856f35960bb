import { availableParallelism, hostname, release, totalmem } from "node:os";
import type { DockerAnswer, DockerDeps, Route } from "./contracts.ts";

/** What Docker Engine 28 speaks, and the oldest that it still answers. */
export const API_VERSION = "1.51";
export const MIN_API_VERSION = "1.24";

const ARCHITECTURE: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

/** Ping, version and info. */
export function systemRoutes(deps: DockerDeps): readonly Route[] {
  const ping = (): DockerAnswer => ({
    status: 200,
    json: "OK",
    headers: { "Cache-Control": "no-cache, no-store, must-revalidate" },
  });
  return [
    { method: "GET", path: /^\/_ping$/, handle: ping },
    { method: "HEAD", path: /^\/_ping$/, handle: ping },
    { method: "GET", path: /^\/version$/, handle: () => ({ status: 200, json: version() }) },
    { method: "GET", path: /^\/info$/, handle: () => ({ status: 200, json: info(deps) }) },
  ];
}

function version() {
  const Arch = ARCHITECTURE[process.arch] ?? process.arch;
  const details = { ApiVersion: API_VERSION, MinAPIVersion: MIN_API_VERSION, Os: "linux", Arch };
  return {
    Platform: { Name: "Tsukube" },
    Components: [{ Name: "Engine", Version: "0.1.0", Details: details }],
    Version: "0.1.0",
    ...details,
    KernelVersion: release(),
  };
}

function info({ images }: DockerDeps) {
  return {
    Name: hostname(),
    Images: images.all.length,
    Driver: "overlayfs",
    OSType: "linux",
    Architecture: ARCHITECTURE[process.arch] ?? process.arch,
    NCPU: availableParallelism(),
    MemTotal: totalmem(),
    KernelVersion: release(),
    OperatingSystem: "Linux",
    ServerVersion: "0.1.0",
    DefaultRuntime: "crun",
    Containers: 0,
    Swarm: { LocalNodeState: "inactive" },
  };
}
