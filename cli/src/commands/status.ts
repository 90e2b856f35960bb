import { lockHolder } from "@tsukube/host";
import { adminClient, adminTransport, isReady } from "../cluster/api.ts";
import { readApplications } from "../cluster/applications.ts";
import { filesOf } from "../cluster/paths.ts";
import { readClusterRecord } from "../cluster/record.ts";
import { supervisorOf } from "../cluster/supervisor.ts";
import type { CommandContext } from "./context.ts";

/** What `status` knows; `-o json` prints all of it but the socket, which scripts find beside the CRI's. */
interface ClusterStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly version: string;
  readonly kubeconfig: string;
  readonly apiServer: string;
  readonly criSocket: string;
  /** Where Docker's API is served; "" without containers. */
  readonly dockerSocket: string;
  readonly nodes: readonly { readonly name: string; readonly ready: boolean }[];
  /** Our long-lived processes; not conmon, not workloads. */
  readonly processes: readonly { readonly name: string; readonly pid: number }[];
  readonly applications: readonly { readonly name: string; readonly url: string }[];
}

/** @returns false when there is no such cluster, or it is not ready. */
export async function status(context: CommandContext, format: "text" | "json"): Promise<boolean> {
  const found = await clusterStatus(context);
  if (format === "json") {
    const { dockerSocket: _beside, ...told } = found; // scripts rely on exactly these fields
    context.print(JSON.stringify(told, undefined, 2));
  } else if (found.apiServer === "" && found.dockerSocket !== "") {
    context.print(`Engine "${found.name}" runs, without a cluster.`);
    for (const { name, pid } of found.processes) context.print(`  Process      ${name} (pid ${pid})`);
  } else if (found.apiServer === "") {
    context.print(`Cluster "${found.name}" does not exist. Start it with: tsukube up`);
  } else {
    context.print(`Cluster "${found.name}" is ${found.ready ? "ready" : "not running"}.`);
    if (!found.ready) context.print("Start it with: tsukube up");
    const rows = [
      ["API server", found.apiServer],
      ["Kubeconfig", found.kubeconfig],
      ...(found.dockerSocket === "" ? [] : [["Docker API", `unix://${found.dockerSocket}`]]),
      ...found.nodes.map(({ name, ready }) => ["Node", `${name} ${ready ? "Ready" : "NotReady"}`]),
      ...found.processes.map(({ name, pid }) => ["Process", `${name} (pid ${pid})`]),
      ...found.applications.map(({ name, url }) => ["Application", `${name} ${url}`]),
    ];
    for (const [what = "", value] of rows) context.print(`  ${what.padEnd(12)} ${value}`);
  }
  return found.ready || (found.apiServer === "" && found.dockerSocket !== "");
}

async function clusterStatus({ paths, clock }: CommandContext): Promise<ClusterStatus> {
  const files = filesOf(paths);
  const record = await readClusterRecord(paths);
  const empty = {
    name: paths.name,
    ready: false,
    version: "v1.37.2",
    kubeconfig: files.kubeconfig,
    apiServer: "",
    criSocket: "",
    dockerSocket: "",
    nodes: [],
    processes: [],
    applications: [],
  };
  const processes = (["server", "node", "engine", "registry"] as const).flatMap((name) => {
    const supervisor = supervisorOf(paths, name);
    const holder = lockHolder(files.lock(name));
    return [
      ...(supervisor === undefined ? [] : [{ name: `${name}-supervisor`, pid: supervisor }]),
      ...(holder === undefined ? [] : [{ name, pid: holder.pid }]),
    ];
  });
  if (record === undefined) {
    const runs = processes.some(({ name }) => name === "engine");
    return { ...empty, processes, ...(runs ? { dockerSocket: files.dockerSocket, criSocket: files.criSocket } : {}) };
  }
  const transport = await adminTransport(paths, record);
  const ready = await isReady(transport, clock);
  const nodes = ready ? await nodesOf(adminClient(transport)) : [];
  await transport.close();
  return {
    ...empty,
    ready,
    apiServer: `https://127.0.0.1:${record.apiPort}`,
    criSocket: record.withNode ? files.criSocket : "",
    dockerSocket: record.withNode ? files.dockerSocket : "",
    nodes,
    processes,
    applications: (await readApplications(paths)).map(({ name, url }) => ({ name, url })),
  };
}

async function nodesOf(client: ReturnType<typeof adminClient>): Promise<ClusterStatus["nodes"]> {
  type Node = import("@tsukube/api/types/core-v1").Node;
  const { items } = await client.resource<Node>({ group: "", version: "v1", resource: "nodes" }).list();
  return items.map((node) => ({
    name: node.metadata?.name ?? "",
    ready:
      node.status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") === true,
  }));
}
