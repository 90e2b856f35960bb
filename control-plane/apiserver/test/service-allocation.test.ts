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
