import { Lifetime } from "@tsukube/foundation";
import { afterEach, expect, test } from "vitest";
import { createHttpServer } from "../http-server.ts";
import { createMetrics } from "../metrics/registry.ts";
import { componentEndpoints } from "./component-endpoints.ts";

let lifetime = new Lifetime();
afterEach(async () => {
  await lifetime.close();
  lifetime = new Lifetime();
});

test("a component tells of its health, metrics and configuration", async () => {
  let problem: string | undefined;
  const metrics = createMetrics();
  metrics.counter("done_total", "Done.").inc();
  const server = createHttpServer(
    componentEndpoints({
      health: { healthz: { ping: () => undefined, queue: () => problem } },
      metrics,
      configuration: { "x.config.k8s.io": { kind: "X" } },
      texts: { "/mode": "fast" },
    }),
  );
  lifetime.own("server", server);
  const port = await server.listen("127.0.0.1", 0);
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return [response.status, await response.text()];
  };
  expect(await get("/healthz")).toEqual([200, "ok"]);
  expect(await get("/healthz?verbose")).toEqual([200, "[+]ping ok\n[+]queue ok\nhealthz check passed\n"]);
  problem = "stuck";
  expect(await get("/healthz")).toEqual([500, "[+]ping ok\n[-]queue failed: reason withheld\nhealthz check failed\n"]);
  expect(await get("/healthz?exclude=queue")).toEqual([200, "ok"]);
  expect(await get("/healthz/queue")).toEqual([500, "internal server error: stuck\n"]);
  expect(await get("/metrics")).toEqual([200, expect.stringContaining("\ndone_total 1\n")]);
  const count = 'kubernetes_healthchecks_total{name="queue",type="healthz",status="error"} 1\n';
  expect(await get("/metrics/slis")).toEqual([200, expect.stringContaining(count)]);
  expect(await get("/configz")).toEqual([200, '{"x.config.k8s.io":{"kind":"X"}}']);
  expect(await get("/mode")).toEqual([200, "fast"]);
  for (const path of ["/", "/livez", "/healthz/other", "/healthz/toString", "/constructor"])
    expect(await get(path)).toEqual([404, "404 page not found\n"]);
});
