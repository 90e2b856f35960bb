import { FeatureGates } from "@tsukube/api";
import { checkAll, checkOne, realClock } from "@tsukube/host";
import { MemoryStore, StoreError } from "@tsukube/store";
import { expect, test } from "vitest";
import { startWireServer } from "../../test/wire-server.ts";
import { checksOf, type Vitals } from "./checks.ts";

const vitals = (more: Partial<Vitals> = {}): Vitals => ({
  store: async () => undefined,
  isClosing: () => false,
  ...more,
});

test("a check that fails fails its endpoint, says which, and withholds why", async () => {
  const { ok, report } = await checkAll("readyz", checksOf("readyz", vitals({ store: async () => "no quorum" })), []);
  expect(ok).toBe(false);
  const lines = report.split("\n");
  expect(lines).toContain("[-]etcd failed: reason withheld");
  expect(lines).toContain("[+]ping ok");
  expect(report).toMatch(/\nreadyz check failed\n$/);
  expect(report).not.toContain("no quorum");
});

test("what is excluded does not count", async () => {
  const excluded = ["etcd", "etcd-readiness", "poststarthook/storage-readiness"];
  const { ok, report } = await checkAll(
    "readyz",
    checksOf("readyz", vitals({ store: async () => "no quorum" })),
    excluded,
  );
  expect(ok).toBe(true);
  expect(report).toContain("[+]etcd excluded: ok\n");
});

test("a server that ends is not ready, and alive", async () => {
  const closing = vitals({ isClosing: () => true });
  expect((await checkAll("readyz", checksOf("readyz", closing), [])).ok).toBe(false);
  expect((await checkAll("livez", checksOf("livez", closing), [])).ok).toBe(true);
  expect(await checkOne(checksOf("readyz", closing), "shutdown")).toEqual({
    ok: false,
    report: "internal server error: process is shutting down\n",
  });
  expect(await checkOne(checksOf("livez", closing), "shutdown")).toBeUndefined();
});

/** Others write to it too; it may be out of reach. */
class SharedStore extends MemoryStore {
  override readonly isShared = true;
  isThere = true;
  override async latest(): Promise<number> {
    if (!this.isThere) throw new StoreError("unavailable", "no etcd server answers");
    return this.revision;
  }
}

test("a server whose store is out of reach says so until it is back", async () => {
  const store = new SharedStore({ clock: realClock });
  const server = await startWireServer({ openStore: async () => store });
  const get = async (path: string): Promise<unknown> => {
    const { code, body } = await server.admin.get(path);
    return [code, body.toString()];
  };
  expect(await get("/readyz")).toEqual([200, "ok"]);
  store.isThere = false;
  expect(await get("/readyz/etcd")).toEqual([500, "internal server error: no etcd server answers\n"]);
  expect(await get("/livez")).toEqual([500, expect.stringContaining("[-]etcd failed: reason withheld\n")]);
  const slis = String(await get("/metrics/slis"));
  expect(slis).toMatch(/^kubernetes_healthcheck\{name="etcd",type="livez"\} 0$/m);
  expect(slis).toMatch(/^kubernetes_healthchecks_total\{name="etcd",type="livez",status="error"\} 1$/m);
  store.isThere = true;
  expect(await get("/readyz")).toEqual([200, "ok"]);
  await server.close();
});

test("a server tells what it is and what it goes by to whom RBAC lets read that", async () => {
  const server = await startWireServer({ flags: { "secure-port": "6443" } });
  const get = async (path: string, accept: string) => server.admin.get(path, { accept });
  const object = "application/json;as=Statusz;v=v1beta1;g=config.k8s.io";
  expect(JSON.parse((await get("/statusz", object)).body.toString())).toMatchObject({
    metadata: { name: "apiserver" },
    paths: ["/flagz", "/healthz", "/livez", "/metrics", "/readyz", "/statusz", "/version"],
  });
  expect((await get("/flagz", "*/*")).body.toString()).toMatch(/\nfeature-gates=\nsecure-port=6443\n$/);
  for (const path of ["/statusz/", "/statusz/x", "/flagz/"]) expect((await get(path, "*/*")).code).toBe(404);
  const somebody = await server.clientOf("somebody");
  for (const path of ["/statusz", "/flagz"]) expect((await somebody.get(path)).code).toBe(403);
  await server.close();
  const gates = FeatureGates.parse("ComponentStatusz=false,ComponentFlagz=false");
  const without = await startWireServer({ flags: {}, featureGates: gates });
  for (const path of ["/statusz", "/flagz"]) expect((await without.admin.get(path)).code).toBe(404);
  await without.close();
});

test("a server that follows a configuration of encryption names the check of its KMS plugins, which does not decide whether it lives", async () => {
  let problem: string | undefined;
  const server = await startWireServer({ encryptionCheck: async () => problem });
  const get = async (path: string): Promise<unknown> => {
    const { code, body } = await server.admin.get(path);
    return [code, body.toString()];
  };
  expect(await get("/readyz/kms-providers")).toEqual([200, "ok"]);
  problem = "kms-provider-0: down";
  expect(await get("/readyz/kms-providers")).toEqual([500, `internal server error: ${problem}\n`]);
  for (const endpoint of ["/readyz", "/healthz"])
    expect(await get(endpoint)).toEqual([500, expect.stringContaining("[-]kms-providers failed: reason withheld\n")]);
  expect(await get("/livez")).toEqual([200, "ok"]);
  expect(await get("/livez/kms-providers")).toEqual([404, expect.anything()]);
  const { paths } = JSON.parse(String((await server.admin.get("/")).body)) as { readonly paths: readonly string[] };
  expect(paths).toContain("/healthz/kms-providers");
  await server.close();
  const without = await startWireServer();
  expect((await without.admin.get("/readyz/kms-providers")).code).toBe(404);
  await without.close();
});
