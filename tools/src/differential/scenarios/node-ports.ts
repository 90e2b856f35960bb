import type { Scenario, Send } from "../exchange.ts";
import { namespaceFor, PATCHES } from "./lifecycle.ts";

/** What Services ask for that is handed out, in dry runs and for real: right, taken, out of range, twice. */
export function nodePortScenarios(): readonly Scenario[] {
  return [{ name: "ports and addresses of Services", run: handedOut }];
}

const port = (number: number, more: object = {}) => ({ name: `p${number}`, port: number, ...more });
const SPECS: readonly object[] = [
  ...[-1, 0, 1, 80, 29999, 30050, 32767, 32768, 65535, 65536, 70000].map((nodePort) => ({
    type: "NodePort",
    ports: [port(80, { nodePort })],
  })),
  { type: "NodePort", ports: [port(80, { nodePort: 30060 })] },
  { type: "NodePort", ports: [port(80, { nodePort: 30051 }), port(81, { nodePort: 30051 })] },
  {
    type: "NodePort",
    ports: [
      { ...port(80), name: "t", nodePort: 30052 },
      { ...port(80), name: "u", protocol: "UDP", nodePort: 30052 },
    ],
  },
  {
    type: "NodePort",
    ports: [
      { ...port(80), name: "t", nodePort: 30053 },
      { ...port(80), name: "u", protocol: "UDP" },
    ],
  },
  { type: "ClusterIP", ports: [port(80, { nodePort: 30054 })] },
  { type: "ClusterIP", ports: [port(80, { nodePort: -1 })] },
  { type: "LoadBalancer", allocateLoadBalancerNodePorts: false, ports: [port(80)] },
  { type: "LoadBalancer", allocateLoadBalancerNodePorts: false, ports: [port(80, { nodePort: -5 })] },
  ...[-1, 0, 1, 30055, 30060, 40000].map((healthCheckNodePort) => ({
    type: "LoadBalancer",
    externalTrafficPolicy: "Local",
    healthCheckNodePort,
    ports: [port(80)],
  })),
  ...["10.0.0.4", "10.0.0.0", "10.0.0.255", "10.0.0.1", "10.0.1.1", "192.168.0.1", "::1", "x", "None", ""].map(
    (clusterIP) => ({ clusterIP, ports: [port(80)] }),
  ),
  { clusterIP: "10.0.0.5", clusterIPs: ["10.0.0.6"], ports: [port(80)] },
  { clusterIPs: ["10.0.0.7"], ports: [port(80)] },
  { clusterIP: "10.0.0.2", ports: [port(80)] },
];

async function handedOut(send: Send): Promise<void> {
  const services = `/api/v1/namespaces/${await namespaceFor(send, "handed-out")}/services`;
  const post = (name: string, spec: object, query = "") =>
    send({ method: "POST", path: `${services}${query}`, body: { metadata: { name }, spec } });
  await post("taken", { type: "NodePort", clusterIP: "10.0.0.2", ports: [port(80, { nodePort: 30060 })] });
  // of the parts that nothing is drawn from at random
  await post("changed", { type: "NodePort", clusterIP: "10.0.0.3", ports: [port(80, { nodePort: 30061 })] });
  for (const [index, spec] of SPECS.entries()) {
    await post(`s${index}`, spec, "?dryRun=All");
    for (const query of ["?dryRun=All", ""]) {
      const { ports, type = "ClusterIP", ...rest } = spec as { ports: readonly object[]; type?: string };
      const change = { ports: null, type, ...rest };
      await send({
        method: "PATCH",
        path: `${services}/changed${query}`,
        type: PATCHES.merge,
        body: { spec: { ...change, ports } },
      });
    }
    await post(`s${index}`, spec);
    await send({ method: "DELETE", path: `${services}/s${index}` });
  }
}
