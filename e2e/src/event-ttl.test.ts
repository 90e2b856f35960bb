import { Lifetime } from "@tsukube/foundation";
import { expect, test } from "vitest";
import { Kubectl } from "./kubectl.ts";
import { Tsukube } from "./tsukube.ts";

test("events go when the time that up gives them is over, and who watches is told", async () => {
  await using lifetime = new Lifetime();
  const cluster = new Tsukube(lifetime, "event-ttl");
  await cluster.run(["up", "--no-node", "--event-ttl", "3s"]);
  const k = new Kubectl((await cluster.status()).kubeconfig);
  const involvedObject = { apiVersion: "v1", kind: "Pod", name: "p", namespace: "default" };
  const watch = k.start(lifetime, "get events --field-selector=involvedObject.name=p -w --output-watch-events");
  await k.apply({
    ...{ apiVersion: "v1", kind: "Event", metadata: { name: "e", namespace: "default" } },
    ...{ involvedObject, reason: "Seen", message: "here", type: "Normal" },
  });
  await watch.until(/ADDED[^\n]*Seen/);
  await watch.until(/DELETED[^\n]*Seen/);
  expect(await k.fails("get event e")).toContain("NotFound");
  // of a server that runs
  await cluster.run(["up", "--no-node", "--event-ttl", "1h"]);
  await k.apply({
    ...{ apiVersion: "v1", kind: "Event", metadata: { name: "stays", namespace: "default" } },
    ...{ involvedObject, reason: "Kept", message: "here", type: "Normal" },
  });
  expect(await k.out("get event stays -o jsonpath={.reason}")).toBe("Kept");
}, 120_000);
