import { ApiError } from "@tsukube/api";
import type { ConfigMap } from "@tsukube/api/types/core-v1";
import { type Client, createClient, type ResourceClient } from "@tsukube/client";
import { Lifetime } from "@tsukube/foundation";
import { realClock } from "@tsukube/host";
import { withEachEtcd } from "@tsukube/store/each-etcd";
import { EtcdNetwork } from "@tsukube/store/etcd-network";
import { EtcdServer } from "@tsukube/store/etcd-server";
import { EtcdTroubles } from "@tsukube/store/etcd-troubles";
import { contradictions, type Operation, type Outcome } from "@tsukube/store/linearizability";
import { show } from "@tsukube/store/shown";
import { expect, test } from "vitest";
import { transportOfKubeconfig } from "./kubeconfig-transport.ts";
import { shareAuthority } from "./shared-authority.ts";
import { Tsukube } from "./tsukube.ts";

const SECONDS = Number(process.env["TSUKUBE_LINEARIZABILITY_SECONDS"] ?? 14);
const CLIENTS = 6;
const KEYS = 4;
const CONFIG_MAPS = { group: "", version: "v1", resource: "configmaps" };
const isRoot = process.getuid?.() === 0;

async function read(maps: ResourceClient<ConfigMap>, key: string): Promise<Outcome> {
  const found = await maps.get(key).catch((error: unknown) => {
    if (ApiError.is(error, "NotFound")) return undefined;
    throw error;
  });
  return { type: "ok", revision: revisionOf(found), found: found?.data?.["value"] ?? "" };
}

/** @param expected The revision that it must be at; 0: it must not be there; "any": a patch of what is there. */
async function write(
  maps: ResourceClient<ConfigMap>,
  key: string,
  value: string,
  expected: number | "any",
): Promise<Outcome> {
  const data = { value };
  if (expected === "any") return done(await maps.patch(key, { type: "merge", body: { data } }));
  if (expected === 0) return done(await maps.create({ metadata: { name: key }, data }));
  return done(await maps.update({ metadata: { name: key, resourceVersion: String(expected) }, data }));
}

function done(map: ConfigMap): Outcome {
  return { type: "ok", revision: revisionOf(map) };
}

function revisionOf(map: ConfigMap | undefined): number {
  return Number(map?.metadata?.resourceVersion ?? 0);
}

/** 503 says that nothing was written, 504 that nobody knows, as does a connection that broke. */
function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof ApiError)) return { type: "unknown" };
  const { httpCode } = error;
  if (httpCode === 504) return { type: "unknown" };
  if (httpCode === 503 || [404, 409, 429].includes(httpCode)) return { type: "refused" };
  throw error;
}

async function client(
  maps: ResourceClient<ConfigMap>,
  number: number,
  until: number,
  history: Operation[],
): Promise<void> {
  const seen = new Map<string, number>();
  for (let turn = 0; realClock.monotonic() < until; turn += 1) {
    const key = `k${(turn + number) % KEYS}`;
    const began = realClock.monotonic();
    const value = `${number}:${turn}`;
    const expected = turn % 5 === 0 ? ("any" as const) : (seen.get(key) ?? 0);
    const isRead = turn % 3 === 0;
    const outcome = await (isRead ? read(maps, key) : write(maps, key, value, expected)).catch(outcomeOf);
    if (outcome.type === "ok") seen.set(key, outcome.revision);
    else seen.set(key, revisionOf(await maps.get(key).catch(() => undefined)));
    const ended = outcome.type === "unknown" ? Number.POSITIVE_INFINITY : realClock.monotonic();
    history.push({ key, began, ended, type: isRead ? "read" : "write", expected, value, outcome });
  }
}

/** Revisions and values of the keys as a watch tells them, through lost connections. */
function follow(maps: ResourceClient<ConfigMap>, resourceVersion: string) {
  const events: (readonly [number, string])[] = [];
  const stop = new AbortController();
  let at = resourceVersion;
  const following = (async () => {
    while (!stop.signal.aborted) {
      try {
        for await (const { type, object } of maps.watch({ resourceVersion: at, signal: stop.signal })) {
          at = object.metadata?.resourceVersion ?? at;
          const { name = "" } = object.metadata ?? {};
          if (type !== "BOOKMARK" && /^k\d$/.test(name))
            events.push([revisionOf(object), (object as ConfigMap).data?.["value"] ?? ""]);
        }
      } catch (error) {
        if (ApiError.is(error, "Expired") || ApiError.is(error, "Gone")) throw error;
      }
      await realClock.sleep(100, stop.signal).catch(() => {});
    }
  })();
  return {
    events,
    async stop() {
      stop.abort();
      await following;
    },
  };
}

async function controlPlane(lifetime: Lifetime, cluster: Tsukube, urls: readonly string[]): Promise<Client> {
  await cluster.run(["up", "--no-node", ...urls.flatMap((url) => ["--etcd", url])]);
  const transport = transportOfKubeconfig((await cluster.status()).kubeconfig);
  const client = createClient(transport, { userAgent: "e2e" });
  lifetime.own("client", client);
  return client;
}

withEachEtcd(({ program }) => {
  test.skipIf(!isRoot)(
    "two control planes on three etcd servers that are killed, paused and cut off answer as one register would, and watches of both miss nothing (needs root)",
    { timeout: SECONDS * 1000 + 180_000 },
    async ({ task }) => {
      await using lifetime = new Lifetime();
      const network = await EtcdNetwork.create(3);
      lifetime.add("network", () => network.remove());
      const servers = await EtcdServer.cluster(3, { program, hosts: network.hosts });
      for (const server of servers) lifetime.add("etcd", () => server.remove());
      const urls = servers.map(({ clientUrl }) => clientUrl);
      const [one, other] = [
        new Tsukube(lifetime, `etcd-one-${SECONDS}`),
        new Tsukube(lifetime, `etcd-other-${SECONDS}`),
      ];
      const first = await controlPlane(lifetime, one, urls);
      shareAuthority(one, other);
      const second = await controlPlane(lifetime, other, [...urls].reverse());
      const planes = [first, second].map((plane) => plane.resource<ConfigMap>(CONFIG_MAPS, "default"));
      const { metadata } = await planes[0]!.list();
      const watches = planes.map((maps) => follow(maps, metadata.resourceVersion ?? ""));

      const history: Operation[] = [];
      const until = realClock.monotonic() + SECONDS * 1000;
      const clients = Promise.all(
        Array.from({ length: CLIENTS }, (_, index) => client(planes[index % 2]!, index, until, history)),
      );
      lifetime.add("clients", async () => void (await clients.catch(() => {})));
      await new EtcdTroubles(servers, network).makeUntil(until);
      await clients;

      expect(contradictions(history)).toEqual([]);
      const written = history.flatMap(({ type, outcome, value = "" }) =>
        type === "write" && outcome.type === "ok" ? [[outcome.revision, value] as const] : [],
      );
      expect(written.length).toBeGreaterThan(SECONDS * 3);
      const newest = Math.max(...written.map(([revision]) => revision));
      for (const [plane, { events, stop }] of watches.entries()) {
        for (let tries = 0; tries < 600 && (events.at(-1)?.[0] ?? 0) < newest; tries += 1) await realClock.sleep(100);
        await stop();
        const revisions = events.map(([revision]) => revision);
        expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b)); // each once, in order
        const told = new Map(events);
        const missing = written.filter(([revision, value]) => told.get(revision) !== value);
        expect(missing, `plane ${plane}, told up to ${revisions.at(-1)} of ${newest}`).toEqual([]);
      }
      show(task, `${history.length} operations in ${SECONDS} s through two control planes, ${written.length} events`);
    },
  );
});
