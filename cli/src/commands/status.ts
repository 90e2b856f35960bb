import { KUBERNETES_VERSION } from "@tsukube/api/kubernetes-version";
import type { Clock } from "@tsukube/foundation";
import { lockHolder } from "@tsukube/host";
import { addressesOf } from "../cluster/addresses.ts";
import { adminClient, adminTransport, isReady } from "../cluster/api.ts";
import { readApplications } from "../cluster/applications.ts";
import { lastWords } from "../cluster/last-words.ts";
import { type ClusterPaths, filesOf } from "../cluster/paths.ts";
import { type ClusterRecord, readClusterRecord } from "../cluster/record.ts";
import { supervisorOf } from "../cluster/supervisor.ts";
import type { CommandContext } from "./context.ts";
import { upCommand } from "./up-command.ts";

/** What `status` knows; `-o json` prints all of it but what scripts find by themselves, and words. */
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
  /** Where parts of the control plane tell of themselves; none where others run them. */
  readonly components: readonly { readonly name: string; readonly url: string }[];
  /** For people: what starts it, and why it does not come up. */
  readonly words: { readonly up: string; readonly why: string };
}

/** @returns false when there is no such cluster, or it is not ready. */
export async function status(context: CommandContext, format: "text" | "json"): Promise<boolean> {
  const found = await clusterStatus(context);
  if (format === "json") {
    const { dockerSocket: _beside, components: _ports, words: _words, ...told } = found; // scripts rely on exactly these fields
    context.print(JSON.stringify(told, undefined, 2));
  } else if (found.apiServer === "" && found.dockerSocket !== "") {
    context.print(`Engine "${found.name}" runs, without a cluster.`);
    for (const { name, pid } of found.processes) context.print(`  Process      ${name} (pid ${pid})`);
  } else if (found.apiServer === "") {
    context.print(`Cluster "${found.name}" does not exist. Start it with: ${found.words.up}`);
  } else {
    for (const line of stateOf(found)) context.print(line);
    const rows = [
      ["API server", found.apiServer],
      ...found.components.map(({ name, url }) => [name, url]),
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

function stateOf({ name, ready, processes, words: { up, why } }: ClusterStatus): readonly string[] {
  if (ready) return [`Cluster "${name}" is ready.`];
  const reason = why === "" ? [] : [`Last error: ${why}`];
  const isKept = processes.some((process) => process.name === "server-supervisor");
  if (isKept) return [`Cluster "${name}" is not ready: its control plane does not answer (yet).`, ...reason];
  return [`Cluster "${name}" is not running.`, ...reason, `Start it with: ${up}`];
}

async function clusterStatus({ paths, clock }: CommandContext): Promise<ClusterStatus> {
  const files = filesOf(paths);
  const record = await readClusterRecord(paths);
  const empty = {
    name: paths.name,
    ready: false,
    version: KUBERNETES_VERSION,
    kubeconfig: files.kubeconfig,
    apiServer: "",
    criSocket: "",
    dockerSocket: "",
    components: [],
    nodes: [],
    processes: [],
    applications: [],
    words: { up: upCommand(paths, record), why: "" },
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
    components: record.controllers === "others" ? [] : await componentsOf(paths, record, clock),
    nodes,
    processes,
    applications: (await readApplications(paths)).map(({ name, url }) => ({ name, url })),
    words: { up: upCommand(paths, record), why: ready ? "" : await lastWords(paths, "server") },
  };
}

/** Those that answer with this cluster's certificate: their ports may be another's. */
async function componentsOf(
  paths: ClusterPaths,
  record: ClusterRecord,
  clock: Clock,
): Promise<ClusterStatus["components"]> {
  const { controllersPort, schedulerPort } = addressesOf(record);
  const all = [
    { name: "Controllers", port: controllersPort },
    { name: "Scheduler", port: schedulerPort },
  ].map(async ({ name, port }) => {
    const transport = await adminTransport(paths, record, port);
    try {
      return (await isReady(transport, clock, "/healthz")) ? [{ name, url: `https://127.0.0.1:${port}` }] : [];
    } finally {
      await transport.close();
    }
  });
  return (await Promise.all(all)).flat();
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
