import type { Node, Pod } from "@tsukube/api/types/core-v1";
import { seededRandom } from "@tsukube/testing";
import { expect, test } from "vitest";
import { NodeCache } from "./node-cache.ts";
import { NodeInfo } from "./node-info.ts";

test("after any changes, each node has the pods and sums that counting from scratch gives", () => {
  const random = seededRandom(7);
  const pick = (count: number): number => Math.floor(random.float() * count);
  const cache = new NodeCache();
  const nodes = new Map<string, Node>();
  const pods = new Map<string, Pod>();
  for (let step = 0; step < 2000; step++) {
    const node = `node-${pick(4)}`;
    const name = `pod-${pick(20)}`;
    const action = pick(8);
    if (action === 0) nodes.set(node, nodeNamed(node, pick(9)));
    else if (action === 1) nodes.delete(node);
    else if (action === 2) pods.delete(name);
    else pods.set(name, podNamed(name, pick(5) === 0 ? "" : node, pick(1000), pick(6) === 0 ? "Failed" : "Running"));
    const known = nodes.get(node);
    if (action === 0) cache.setNode(known!);
    else if (action === 1) cache.removeNode(nodeNamed(node, 1));
    else if (action === 2) cache.removePod(podNamed(name, "", 0, "Running"));
    else cache.setPod(pods.get(name)!);
    expect(contentOf(cache.nodes)).toEqual(contentOf(counted(nodes, pods)));
  }
});

test("a pod that was bound before its node was known counts once the node is there", () => {
  const cache = new NodeCache();
  cache.setPod(podNamed("p", "late", 250, "Running"));
  expect(cache.nodes).toEqual([]);
  cache.setNode(nodeNamed("late", 4));
  expect(cache.node("late")?.requested.get("cpu")).toBe(250);
});

function counted(nodes: ReadonlyMap<string, Node>, pods: ReadonlyMap<string, Pod>): readonly NodeInfo[] {
  return [...nodes].map(([name, node]) => {
    const here = [...pods.values()].filter(
      ({ spec, status }) => spec?.nodeName === name && status?.phase === "Running",
    );
    return new NodeInfo(node, here);
  });
}

function contentOf(infos: readonly NodeInfo[]): unknown {
  const one = (info: NodeInfo): unknown => [
    info.name,
    info.allocatable.get("cpu"),
    info.requested.get("cpu") ?? 0,
    info.scoringRequested.get("memory") ?? 0,
    info.pods.map((pod) => pod.metadata?.name).sort(),
  ];
  return infos.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(one);
}

function nodeNamed(name: string, cpus: number): Node {
  return { metadata: { name }, status: { allocatable: { cpu: String(cpus) } } };
}

function podNamed(name: string, nodeName: string, milli: number, phase: string): Pod {
  const container = { name: "c", resources: { requests: { cpu: `${milli}m` } } };
  return {
    metadata: { name, namespace: "default", uid: name },
    spec: { nodeName, containers: [container] },
    status: { phase },
  };
}
