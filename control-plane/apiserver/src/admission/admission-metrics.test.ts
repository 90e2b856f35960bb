import { startCluster } from "@tsukube/testing";
import { expect, test } from "vitest";

test("metrics tell of each admission plugin and of each write, by operation and whether it was refused", async () => {
  const cluster = await startCluster();
  const secrets = cluster.client.resource({ group: "", version: "v1", resource: "secrets" }, "default");
  await secrets.create({ metadata: { name: "c" } });
  await secrets.delete("c");
  await expect(secrets.in("nowhere").create({ metadata: { name: "c" } })).rejects.toThrow(/not found/);
  const { body } = await cluster.transport.request({ method: "GET", path: "/metrics", headers: {} });
  const lines = Buffer.from(body as Uint8Array)
    .toString()
    .split("\n");
  const counted = (name: string, ...labels: readonly string[]): string | undefined =>
    lines.find((line) => line.startsWith(name) && labels.every((label) => line.includes(label)))?.split(" ")[1];
  const plugin = "apiserver_admission_controller_admission_duration_seconds_count";
  expect([
    counted(plugin, 'name="NamespaceLifecycle"', 'operation="CREATE"', 'rejected="true"'),
    counted("apiserver_admission_step_admission_duration_seconds_count", 'type="validate"', 'operation="DELETE"'),
    counted("etcd_requests_total", 'operation="create"', 'resource="secrets"'),
    counted("etcd_request_duration_seconds_count", 'operation="delete"', 'resource="secrets"'),
  ]).toEqual(["1", "1", "1", "1"]);
  await cluster.close();
});

test("component statuses are only read", async () => {
  const cluster = await startCluster();
  const path = "/api/v1/componentstatuses/etcd-0";
  expect((await cluster.transport.request({ method: "GET", path, headers: {} })).status).toBe(200);
  for (const method of ["PUT", "PATCH", "DELETE"] as const)
    expect((await cluster.transport.request({ method, path, headers: {} })).status, method).toBe(405);
  await cluster.close();
});

test("component statuses have a table", async () => {
  const cluster = await startCluster();
  const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
  const ask = async (path: string) => {
    const { body } = await cluster.transport.request({ method: "GET", path, headers: { accept } });
    return JSON.parse(Buffer.from(body as Uint8Array).toString()) as { rows: readonly { cells: unknown }[] };
  };
  const { rows } = await ask("/api/v1/componentstatuses");
  expect(rows.map(({ cells }) => cells)).toContainEqual(["etcd-0", "Healthy", "ok", ""]);
  expect((await ask("/api/v1/componentstatuses/etcd-0")).rows).toHaveLength(1);
  await cluster.close();
});
