import { afterAll, beforeAll, expect, test } from "vitest";
import { type Answer, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

// held against kube-apiserver it must have been started with the same network and node ports
const NODE_PORTS = { first: 30000, last: 30001 };
const SERVICES = "/api/v1/namespaces/few/services";

let server: WireServer;
let admin: WireClient;
beforeAll(async () => {
  server = await startWireServer({ nodePorts: NODE_PORTS });
  admin = server.admin;
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "few" } });
});
afterAll(() => server.close());

const create = (name: string, spec: object = {}, query = ""): Promise<Answer> =>
  admin.send("POST", SERVICES + query, {
    metadata: { name },
    spec: { type: "NodePort", ports: [{ port: 80 }], ...spec },
  });
const nodePort = ({ object }: Answer): number =>
  (object["spec"] as { readonly ports: readonly { readonly nodePort: number }[] }).ports[0]!.nodePort;

test("what dry runs and refused creates were given is free at once", async () => {
  for (const name of ["a", "b", "c"]) expect((await create(name, {}, "?dryRun=All")).code).toBe(201);
  for (const name of ["a", "b", "c"]) expect((await create(name, { sessionAffinity: "No" })).code).toBe(422);
  const made = [await create("d"), await create("e")];
  expect(made.map(nodePort).sort()).toEqual([30000, 30001]);
  const { code, object } = await create("f");
  expect([code, object.message]).toEqual([500, expect.stringContaining("range is full")]);

  expect((await admin.send("DELETE", `${SERVICES}/e`)).code).toBe(200);
  expect((await create("d")).object.reason).toBe("AlreadyExists");
  expect((await create("f")).code).toBe(201);
});

test("requests at the same time are given different ones", async () => {
  for (const name of ["d", "f"]) await admin.send("DELETE", `${SERVICES}/${name}`);
  const made = await Promise.all(["g", "h"].map((name) => create(name)));
  expect(made.map(nodePort).sort()).toEqual([30000, 30001]);
});

const OUT_OF_RANGE = "provided port is not in the valid range. The range of valid ports is 30000-30001";
const two = (more: object = {}): object => ({
  ports: [
    { name: "a", port: 80, nodePort: 30000 },
    { name: "b", port: 81, nodePort: 30000, ...more },
  ],
});

test.for<[spec: object, dryRun: string, run: string]>([
  [{ ports: [{ port: 80, nodePort: -1 }] }, "201", `422 spec.ports[0].nodePort: Invalid value: -1: ${OUT_OF_RANGE}`],
  [
    { type: "LoadBalancer", externalTrafficPolicy: "Local", healthCheckNodePort: -1, ports: [{ port: 80 }] },
    "422 spec.healthCheckNodePort: Invalid value: -1: must be between 1 and 65535, inclusive",
    `500 Internal error occurred: failed to allocate requested HealthCheck NodePort -1: ${OUT_OF_RANGE}`,
  ],
  [
    { type: "ClusterIP", clusterIP: "10.0.1.1", ports: [{ port: 80 }] },
    '422 spec.clusterIPs: Invalid value: ["10.0.1.1"]: failed to allocate IP 10.0.1.1: the provided IP (10.0.1.1) is not in the valid range. The range of valid IPs is 10.0.0.0/24',
    '422 spec.clusterIPs: Invalid value: ["10.0.1.1"]: failed to allocate IP 10.0.1.1: the provided network does not match the current range',
  ],
  [
    two(),
    "422 spec.ports[1].nodePort: Invalid value: 30000: provided port is already allocated",
    "422 spec.ports[1].nodePort: Invalid value: 30000: provided port is already allocated",
  ],
  [two({ port: 80, protocol: "UDP" }), "201", "201"],
])("%j, in a dry run: %s", async ([spec, ...expected]) => {
  for (const name of ["g", "h"]) await admin.send("DELETE", `${SERVICES}/${name}`);
  const answers = [await create("i", spec, "?dryRun=All"), await create("i", spec)];
  await admin.send("DELETE", `${SERVICES}/i`);
  const shown = answers.map(({ code, object }) => {
    const { field, message } = object.details?.causes?.[0] ?? {};
    return code === 201 ? "201" : `${code} ${field === undefined ? object.message : `${field}: ${message}`}`;
  });
  expect(shown).toEqual(expected);
});

test("a change gives no number to two ports of one protocol", async () => {
  await create("j", { ports: [{ port: 80, nodePort: 30000 }] });
  const { code, object } = await admin.send("PATCH", `${SERVICES}/j`, { spec: two() });
  expect([code, object.message]).toEqual([500, "duplicate nodePort: {TCP 30000}"]);
});
