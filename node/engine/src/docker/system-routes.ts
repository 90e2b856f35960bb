import { readFileSync } from "node:fs";
import { availableParallelism, hostname, release, totalmem } from "node:os";
import { noCgroups } from "@tsukube/kernel";
import { time } from "./containers/container-views.ts";
import type { DockerAnswer, DockerDeps, DockerRequest, Route } from "./contracts.ts";
import { AUTH_FIELDS, type AuthConfig, credentialsOf, registryAt } from "./registry-auth-header.ts";

/** What Docker Engine 28 speaks, and the oldest that it still answers. */
export const API_VERSION = "1.51";
export const MIN_API_VERSION = "1.24";

const ENGINE_VERSION = "0.1.0";
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
    {
      method: "POST",
      path: /^\/auth$/,
      handle: (request) => login(deps, request),
    },
    { method: "GET", path: /^\/info$/, handle: () => ({ status: 200, json: info(deps) }) },
  ];
}

/** `docker login`: whether the registry takes the credentials, which the client keeps and sends with each pull and push. */
async function login({ transfer }: DockerDeps, request: DockerRequest): Promise<DockerAnswer> {
  const config = await request.json<AuthConfig>(AUTH_FIELDS);
  const registry = registryAt(config.serveraddress ?? "");
  const IdentityToken = (await transfer.checkCredentials(registry, credentialsOf(config), request.signal)) ?? "";
  return { status: 200, json: { Status: "Login Succeeded", IdentityToken } };
}

function version() {
  const Arch = ARCHITECTURE[process.arch] ?? process.arch;
  const details = { ApiVersion: API_VERSION, MinAPIVersion: MIN_API_VERSION, Os: "linux", Arch };
  return {
    Platform: { Name: "Tsukube" },
    Components: [{ Name: "Engine", Version: ENGINE_VERSION, Details: details }],
    Version: ENGINE_VERSION,
    ...details,
    KernelVersion: release(),
  };
}

function info({ images, dockerContainers, stateDirectory, clock, cgroups, snapshotter }: DockerDeps) {
  const { all } = dockerContainers.store;
  const count = (...statuses: readonly string[]): number =>
    all.filter(({ state }) => statuses.includes(state.status)).length;
  const limits = (controller: string): boolean => cgroups.controllers.includes(controller);
  return {
    ID: hostname(),
    Name: hostname(),
    Containers: all.length,
    ContainersRunning: count("running", "restarting"),
    ContainersPaused: count("paused"),
    ContainersStopped: count("created", "exited", "dead", "removing"),
    Images: images.all.length,
    Driver: snapshotter.driver,
    DriverStatus: [],
    DockerRootDir: stateDirectory,
    Plugins: {
      Volume: ["local"],
      Network: ["bridge", "host", "null"],
      Authorization: null,
      Log: ["json-file", "local", "none"],
    },
    MemoryLimit: limits("memory"),
    SwapLimit: cgroups.limitsSwap(),
    CpuCfsPeriod: limits("cpu"),
    CpuCfsQuota: limits("cpu"),
    CPUShares: limits("cpu"),
    CPUSet: limits("cpuset"),
    PidsLimit: limits("pids"),
    OomKillDisable: cgroups.version === 1 && limits("memory"),
    IPv4Forwarding: true,
    Debug: false,
    SystemTime: time(clock.now()),
    LoggingDriver: "json-file",
    CgroupDriver: cgroups === noCgroups ? "none" : "cgroupfs",
    CgroupVersion: String(cgroups.version),
    OSType: "linux",
    Architecture: process.arch === "x64" ? "x86_64" : process.arch === "arm64" ? "aarch64" : process.arch,
    NCPU: availableParallelism(),
    MemTotal: totalmem(),
    KernelVersion: release(),
    OperatingSystem: operatingSystem(),
    IndexServerAddress: "https://index.docker.io/v1/",
    RegistryConfig: { IndexConfigs: {}, InsecureRegistryCIDRs: ["127.0.0.0/8"], Mirrors: [] },
    HttpProxy: "",
    HttpsProxy: "",
    NoProxy: "",
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: ENGINE_VERSION,
    Runtimes: { crun: { path: "crun" } },
    DefaultRuntime: "crun",
    Swarm: {
      NodeID: "",
      NodeAddr: "",
      LocalNodeState: "inactive",
      ControlAvailable: false,
      Error: "",
      RemoteManagers: null,
    },
    LiveRestoreEnabled: true,
    Isolation: "",
    InitBinary: "docker-init",
    ContainerdCommit: { ID: "" },
    RuncCommit: { ID: "" },
    InitCommit: { ID: "" },
    SecurityOptions: ["name=seccomp,profile=builtin"],
    Warnings: null,
  };
}

/** os-release(5). */
function operatingSystem(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "Linux";
  } catch {
    return "Linux";
  }
}
