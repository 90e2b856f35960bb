import { allResources, apiVersionOf, type ResourceInfo, type Unstructured } from "@tsukube/api";
import columns from "@tsukube/api/facts/columns.json" with { type: "json" };
import discovery from "@tsukube/api/facts/discovery.json" with { type: "json" };
import facts from "@tsukube/api/facts/validation.json" with { type: "json" };
import type { Status } from "@tsukube/api/types/meta-v1";
import type { Cluster } from "@tsukube/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { normalized } from "./normalized.ts";
import { EVERYTHING, pathOf, RECORDED_OBJECTS, recorder, send, warningsOf } from "./recorded-cluster.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await recorder(EVERYTHING);
});
afterAll(() => cluster.close());

const nameOf = (info: ResourceInfo): string => `${apiVersionOf(info)} ${info.resource}`;
const rootOf = ({ group, version }: ResourceInfo): string =>
  group === "" ? `/api/${version}` : `/apis/${group}/${version}`;

async function get(path: string, accept = "application/json") {
  const { status, body } = await cluster.transport.request({ method: "GET", path, headers: { accept } });
  return { status, object: JSON.parse(Buffer.from(body as Uint8Array).toString()) as Unstructured };
}

interface Listed {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

test("with everything on, discovery has exactly the resources of upstream, as upstream shows them", async () => {
  for (const root of ["/api", "/apis"] as const) {
    const { object } = await get(root, "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
    expect(object).toEqual((discovery as unknown as { all: Readonly<Record<string, unknown>> }).all[root]);
  }
});

test("there are a hundred of them, 72 by default", () => {
  expect(allResources().length).toBe(100);
  expect(allResources().filter((info) => info.enabledByDefault).length).toBe(72);
});

const sorted = (values: readonly string[] | undefined): readonly string[] => [...(values ?? [])].sort();

describe.each(allResources().map((info) => [nameOf(info), info] as const))("%s", (name, info) => {
  test("stands in the list of its version, with its subresources", async () => {
    const { resources } = (await get(rootOf(info))).object as unknown as { readonly resources: readonly Listed[] };
    const own = resources.find((one) => one.name === info.resource)!;
    expect({ ...own, verbs: sorted(own.verbs), shortNames: sorted(own.shortNames) }).toMatchObject({
      kind: info.kind,
      namespaced: info.namespaced,
      verbs: sorted(info.verbs),
      shortNames: sorted(info.shortNames),
    });
    expect(sorted(own.categories)).toEqual(sorted(info.categories));
    const below = resources.filter((one) => one.name.startsWith(`${info.resource}/`));
    expect(below.map((one) => [one.name, sorted(one.verbs)])).toEqual(
      sorted(info.subresources.map((one) => one.name)).map((subresource) => [
        `${info.resource}/${subresource}`,
        sorted(info.subresources.find((one) => one.name === subresource)?.verbs),
      ]),
    );
  });

  test("is described by OpenAPI", async () => {
    const { paths } = (await get(`/openapi/v3${rootOf(info)}`)).object as unknown as { readonly paths: object };
    const path = `${rootOf(info)}/${info.namespaced ? "namespaces/{namespace}/" : ""}${info.resource}`;
    expect(Object.keys(paths)).toContain(path);
    for (const { name: subresource } of info.subresources)
      expect(Object.keys(paths)).toContain(`${path}/{name}/${subresource}`);
  });

  if (!info.verbs.includes("list")) return;
  test("is printed in upstream's columns", async () => {
    const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    const { object } = await get(pathOf(name).path, accept);
    const { columnDefinitions } = object as unknown as {
      readonly columnDefinitions: readonly { name: string; type: string; format: string; priority: number }[];
    };
    expect(columnDefinitions.map((one) => [one.name, one.type, one.format, one.priority])).toEqual(
      (columns as unknown as Readonly<Record<string, unknown>>)[name],
    );
  });

  if (info.verbs.includes("update")) stored(name, info);
});

interface Answer {
  readonly code: number;
  readonly reason?: string;
  readonly message?: string;
  readonly causes?: readonly string[];
  readonly warnings?: readonly string[];
}

/** What of an answer is recorded. */
function answered(code: number, object: Unstructured, warnings: readonly string[]): Answer {
  const status = object as unknown as Status;
  const causes = (status.details?.causes ?? []).map(({ reason, field }) => `${reason} ${field}`);
  return {
    code,
    ...(code >= 400 && { reason: status.reason ?? "" }),
    ...(code === 404 && { message: status.message ?? "" }),
    ...(causes.length > 0 && { causes }),
    ...(warnings.length > 0 && { warnings }),
  };
}

const JSON_TYPE = "application/json";
const MERGE = "application/merge-patch+json";

function stored(name: string, info: ResourceInfo): void {
  const { path, apiVersion, kind } = pathOf(name);
  const recorded = RECORDED_OBJECTS[name]!;
  const updates = (facts.resources as unknown as Readonly<Record<string, Readonly<Record<string, Answer>>>>)[name]!;
  /** What is recorded, with the warning that nothing acts on the kind where it is written. */
  const told = (what: string): Answer => {
    const { warnings: recorded, ...answer } = updates[what]!;
    const warnings = answer.code < 300 ? warningsOf(name, recorded) : (recorded ?? []);
    return { ...answer, ...(warnings.length > 0 && { warnings }) };
  };
  let live: Unstructured;
  const at = (): string => `${path}/${live.metadata?.name}`;
  const call = async (method: string, where: string, body?: object, type?: string): Promise<Answer> => {
    const { code, object, warnings } = await send(cluster.transport, method, where, body, type);
    return answered(code, object, warnings);
  };

  describe("one of them", () => {
    beforeAll(async () => {
      const created = await send(cluster.transport, "POST", path, { apiVersion, kind, ...recorded.in });
      expect([created.object.kind, created.code]).toEqual([kind, 201]);
      await cluster.clock.settle();
      live = (await get(`${path}/${created.object.metadata?.name}`)).object; // with the status that the server itself gave it
      expect(live.metadata?.uid).toBe(created.object.metadata?.uid);
    });

    test("is listed as it is read, alone by its name", async () => {
      const found = (await cluster.client.raw("GET", path)) as unknown as { readonly items: readonly Unstructured[] };
      const listed = found.items.find(({ metadata }) => metadata?.uid === live.metadata?.uid);
      expect(normalized({ ...listed, apiVersion, kind })).toEqual(normalized(live));
      const named = encodeURIComponent(`metadata.name=${live.metadata?.name}`);
      const { items: alone } = (await get(`${path}?fieldSelector=${named}`)).object as unknown as typeof found;
      expect(alone).toEqual([listed]);
    });

    test("is replaced only by who names its resourceVersion, where upstream wants that", async () => {
      const { resourceVersion: _seen, ...metadata } = live.metadata ?? {};
      const put = (where: string, seen: object): Promise<Answer> =>
        call("PUT", `${where}?dryRun=All`, { ...live, metadata: { ...metadata, ...seen } });
      expect(await put(at(), {})).toEqual(told("update no resourceVersion"));
      expect(await put(at(), { resourceVersion: "1" })).toEqual(told("update stale resourceVersion"));
      const absent = info.resource === "ipaddresses" ? "10.8.8.9" : "tsukube-absent";
      const other = { ...recorded.in, apiVersion, kind, metadata: { ...recorded.in.metadata, name: absent } };
      expect(await call("PUT", `${path}/${absent}?dryRun=All`, other)).toEqual(told("update absent"));
    });

    test("is patched, also by server-side apply", async () => {
      const labels = { metadata: { labels: { "example.com/a": "b" } } };
      expect(await call("PATCH", at(), labels, MERGE)).toMatchObject({ code: 200 });
      const applied = {
        apiVersion,
        kind,
        metadata: { name: live.metadata?.name, labels: { "example.com/c": info.version } },
      };
      const apply = `${at()}?fieldManager=test&force=true`;
      expect(await call("PATCH", apply, applied, "application/apply-patch+yaml")).toMatchObject({ code: 200 });
      expect((await get(at())).object.metadata?.labels).toMatchObject({
        "example.com/a": "b",
        "example.com/c": info.version,
      });
    });

    if (info.subresources.some((one) => one.name === "status"))
      test("has a status of its own", async () => {
        const status = `${at()}/status`;
        expect((await get(status)).object).toEqual((await get(at())).object);
        const least = info.resource === "resourcepoolstatusrequests" ? { poolCount: 0 } : {};
        expect(await call("PATCH", status, { status: least }, MERGE)).toMatchObject({ code: 200 });
        const present = (await get(at())).object;
        expect(await call("PUT", status, present, JSON_TYPE)).toMatchObject({ code: 200 });
      });

    test("is watched, and goes with its collection", async () => {
      const labelSelector = `example.com/c=${info.version}`;
      const resource = { group: info.group, version: info.version, resource: info.resource };
      const stop = new AbortController();
      const namespace = /namespaces\/([^/]+)\//.exec(path)?.[1] ?? "";
      const watched = cluster.client
        .resource<Unstructured>(resource, namespace)
        .watch({ labelSelector, signal: stop.signal });
      for await (const { type, object } of watched) {
        expect([type, object.metadata?.uid, object.kind, object.apiVersion]).toEqual([
          "ADDED",
          live.metadata?.uid,
          kind,
          apiVersion,
        ]);
        break;
      }
      stop.abort();
      if (info.verbs.includes("deletecollection"))
        expect(await call("DELETE", `${path}?labelSelector=${encodeURIComponent(labelSelector)}`)).toMatchObject({
          code: 200,
        });
    });
  });
}
