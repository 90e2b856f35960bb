import { encodeProtobuf, type ObjectSchema, schemaOfType } from "@tsukube/api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, type Held, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

const IN = "/api/v1/namespaces/deletion";
const MAPS = `${IN}/configmaps`;
const PODS = `${IN}/pods`;
const DEPLOYMENTS = "/apis/apps/v1/namespaces/deletion/deployments";
const JOBS = "/apis/batch/v1/namespaces/deletion/jobs";
const FINALIZER = "example.com/hold";

let server: WireServer;
let admin: WireClient;
beforeAll(async () => {
  server = await startWireServer();
  admin = server.admin;
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "deletion" } });
  await admin.send("POST", `${IN}/serviceaccounts`, { metadata: { name: "default" } });
});
afterAll(() => server.close());

const template = { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } };
const deployment = (name: string): object => ({
  metadata: { name },
  spec: { selector: { matchLabels: { a: "b" } }, template },
});
const options = (more: object): object => ({ kind: "DeleteOptions", apiVersion: "v1", ...more });
const code = ({ code, object }: Answer): unknown => [code, object.reason];
const make = async (name: string, metadata: object = {}): Promise<Held> =>
  (await admin.send("POST", MAPS, { metadata: { name, ...metadata } })).object;
const seconds = (later: string | undefined, earlier: string | undefined): number =>
  (Date.parse(later ?? "") - Date.parse(earlier ?? "")) / 1000;

describe("an object without anything that holds it", () => {
  test("goes at once, and the answer names it", async () => {
    const made = await make("plain");
    const { code, object } = await admin.send("DELETE", `${MAPS}/plain`);
    expect([code, object]).toEqual([
      200,
      {
        kind: "Status",
        apiVersion: "v1",
        metadata: {},
        status: "Success",
        details: { name: "plain", kind: "configmaps", uid: made.metadata?.uid },
      },
    ]);
    await admin.send("POST", DEPLOYMENTS, deployment("named"));
    const grouped = await admin.send("DELETE", `${DEPLOYMENTS}/named`);
    expect(grouped.object.details).toMatchObject({ name: "named", group: "apps", kind: "deployments" });
  });

  test("goes only as the one that was meant", async () => {
    const { metadata = {} } = await make("meant");
    for (const preconditions of [{ uid: "another" }, { resourceVersion: "1" }])
      expect(code(await admin.send("DELETE", `${MAPS}/meant`, options({ preconditions })))).toEqual([409, "Conflict"]);
    const { uid, resourceVersion } = metadata;
    expect(
      (await admin.send("DELETE", `${MAPS}/meant`, options({ preconditions: { uid, resourceVersion } }))).code,
    ).toBe(200);
  });

  test("goes only at the revision that the query names", async () => {
    await make("revised");
    expect((await admin.send("DELETE", `${MAPS}/revised?resourceVersion=1`)).object.message).toMatch(
      /the ResourceVersion in the precondition \(1\) does not match/,
    );
  });

  test("goes by options in protobuf, in its group's own version, and in the query", async () => {
    const schema = schemaOfType("meta/v1.DeleteOptions") as ObjectSchema;
    const type = { "content-type": "application/vnd.kubernetes.protobuf" };
    await admin.send("POST", DEPLOYMENTS, deployment("ways"));
    const dry = encodeProtobuf({ dryRun: ["All"] }, schema, { apiVersion: "apps/v1", kind: "DeleteOptions" });
    const ways = [
      [`${DEPLOYMENTS}/ways`, dry, type],
      [`${DEPLOYMENTS}/ways`, { kind: "DeleteOptions", apiVersion: "apps/v1", dryRun: ["All"] }, {}],
      [`${DEPLOYMENTS}/ways`, { kind: "DeleteOptions", apiVersion: "meta.k8s.io/v1", dryRun: ["All"] }, {}],
      [`${DEPLOYMENTS}/ways`, { dryRun: ["All"] }, {}],
      [`${DEPLOYMENTS}/ways?dryRun=All`, undefined, {}],
    ] as const;
    for (const [path, body, headers] of ways) {
      const answer = await admin.send("DELETE", path, body, headers);
      expect([answer.code, answer.object.message], JSON.stringify(body)).toEqual([200, undefined]);
      expect((await admin.get(`${DEPLOYMENTS}/ways`)).code).toBe(200);
    }
  });
});

describe("an object with finalizers", () => {
  test("is marked, stays, and goes with the last of them", async () => {
    await make("held", { finalizers: [FINALIZER] });
    const watch = await admin.watch(`${MAPS}?watch=1&fieldSelector=metadata.name%3Dheld`);
    const marked = await admin.send("DELETE", `${MAPS}/held`);
    expect([marked.code, marked.object.kind]).toEqual([200, "ConfigMap"]);
    expect(marked.object.metadata).toMatchObject({ deletionGracePeriodSeconds: 0, finalizers: [FINALIZER] });
    const again = await admin.send("DELETE", `${MAPS}/held`);
    expect(again.object.metadata).toEqual(marked.object.metadata);
    const gone = await admin.send("PATCH", `${MAPS}/held`, { metadata: { finalizers: null } });
    expect([gone.code, (await admin.get(`${MAPS}/held`)).code]).toEqual([200, 404]);
    const types = [];
    for (let event = await watch.change(); types.length < 3; event = await watch.change()) {
      types.push(event?.type);
      if (event?.type === "DELETED") break;
    }
    watch.close();
    expect(types).toEqual(["ADDED", "MODIFIED", "DELETED"]);
  });

  test("answers 202 to who does not want its dependents orphaned", async () => {
    await make("accepted", { finalizers: [FINALIZER] });
    expect((await admin.send("DELETE", `${MAPS}/accepted`, options({ orphanDependents: false }))).code).toBe(202);
    await admin.send("PATCH", `${MAPS}/accepted`, { metadata: { finalizers: null } });
    await make("at-once");
    expect((await admin.send("DELETE", `${MAPS}/at-once?orphanDependents=false`)).code).toBe(200);
  });
});

describe("dependents", () => {
  test.each([
    ["Foreground", ["foregroundDeletion"]],
    ["Orphan", ["orphan"]],
    ["Background", undefined],
  ])("are for the garbage collector, which a finalizer tells what to do: %s", async (propagationPolicy, finalizers) => {
    const path = `${DEPLOYMENTS}/${propagationPolicy.toLowerCase()}`;
    await admin.send("POST", DEPLOYMENTS, deployment(propagationPolicy.toLowerCase()));
    const { object } = await admin.send("DELETE", path, options({ propagationPolicy }));
    expect(object.metadata?.finalizers).toEqual(finalizers);
    expect((await admin.get(path)).code).toBe(finalizers === undefined ? 404 : 200);
    if (finalizers === undefined) return;
    const other = propagationPolicy === "Orphan" ? "Foreground" : "Orphan";
    const changed = await admin.send("DELETE", path, options({ propagationPolicy: other }));
    expect(changed.object.metadata?.finalizers).toEqual([other === "Orphan" ? "orphan" : "foregroundDeletion"]);
    expect((await admin.send("DELETE", path, options({ propagationPolicy: "Background" }))).code).toBe(200);
    expect((await admin.get(path)).code).toBe(404);
  });

  test("of a job are orphaned by who says nothing, with a warning", async () => {
    await admin.send("POST", JOBS, {
      metadata: { name: "j" },
      spec: { template: { spec: { ...template.spec, restartPolicy: "Never" } } },
    });
    const { object, headers } = await admin.send("DELETE", `${JOBS}/j`);
    expect(object.metadata?.finalizers).toEqual(["orphan"]);
    expect(String(headers["warning"])).toMatch(/child pods are preserved by default when jobs are deleted/);
  });
});

describe("a pod", () => {
  const pod = async (name: string, spec: object = { nodeName: "n" }): Promise<void> => {
    await admin.send("POST", PODS, { metadata: { name }, spec: { ...template.spec, ...spec } });
  };

  test("that is on a node gets its time, which further deletes only shorten", async () => {
    await pod("graceful");
    const first = (await admin.send("DELETE", `${PODS}/graceful`)).object.metadata;
    expect(first?.deletionGracePeriodSeconds).toBe(30);
    const longer = (await admin.send("DELETE", `${PODS}/graceful?gracePeriodSeconds=60`)).object.metadata;
    expect(longer?.deletionTimestamp).toBe(first?.deletionTimestamp);
    const shorter = (await admin.send("DELETE", `${PODS}/graceful?gracePeriodSeconds=10`)).object.metadata;
    expect([
      shorter?.deletionGracePeriodSeconds,
      seconds(first?.deletionTimestamp, shorter?.deletionTimestamp),
    ]).toEqual([10, 20]);
    const forced = await admin.send("DELETE", `${PODS}/graceful?gracePeriodSeconds=0`);
    expect([forced.code, forced.object.kind, (await admin.get(`${PODS}/graceful`)).code]).toEqual([200, "Pod", 404]);
  });

  test("is seen marked before it is seen gone, also where it goes at once", async () => {
    await pod("watched");
    const watch = await admin.watch(`${PODS}?watch=1&fieldSelector=metadata.name%3Dwatched`);
    await watch.change();
    await admin.send("DELETE", `${PODS}/watched?gracePeriodSeconds=0`);
    const events = [await watch.change(), await watch.change()];
    expect(events.map((event) => [event?.type, event?.object.metadata?.deletionGracePeriodSeconds])).toEqual([
      ["MODIFIED", 0],
      ["DELETED", 0],
    ]);
    watch.close();
  });

  test("takes its own time, and at least a second where it is negative", async () => {
    await pod("own", { nodeName: "n", terminationGracePeriodSeconds: 7 });
    expect((await admin.send("DELETE", `${PODS}/own`)).object.metadata?.deletionGracePeriodSeconds).toBe(7);
    await pod("negative");
    expect(
      (await admin.send("DELETE", `${PODS}/negative?gracePeriodSeconds=-5`)).object.metadata
        ?.deletionGracePeriodSeconds,
    ).toBe(1);
  });

  test("that is on no node, or has ended, goes at once", async () => {
    await pod("unscheduled", {});
    await pod("ended");
    await admin.send("PATCH", `${PODS}/ended/status`, { status: { phase: "Succeeded" } });
    for (const name of ["unscheduled", "ended"]) {
      expect((await admin.send("DELETE", `${PODS}/${name}`)).code).toBe(200);
      expect((await admin.get(`${PODS}/${name}`)).code, name).toBe(404);
    }
  });
});

describe("a collection", () => {
  test.each([
    ["/api/v1/configmaps", 405],
    ["/apis/apps/v1/deployments", 405],
    ["/api/v1/namespaces//configmaps", 400],
  ])("across namespaces is never deleted: %s", async (path, refusal) => {
    await make("across");
    expect((await admin.send("DELETE", path)).code).toBe(refusal);
    expect((await admin.send("DELETE", `${MAPS}/across`)).code).toBe(200);
  });

  test("goes by its selectors, each object on its own terms", async () => {
    for (const [name, finalizers] of [
      ["c-1", []],
      ["c-2", [FINALIZER]],
      ["c-3", []],
    ] as const)
      await make(name, { labels: { of: "collection" }, finalizers });
    await make("c-other", { labels: { of: "others" } });
    const { code, object } = await admin.send(
      "DELETE",
      `${MAPS}?labelSelector=of%3Dcollection&fieldSelector=metadata.name!%3Dc-3`,
    );
    expect([code, object.kind, object.items?.map(({ metadata }) => metadata?.name)]).toEqual([
      200,
      "ConfigMapList",
      ["c-1", "c-2"],
    ]);
    const left = await admin.get(`${MAPS}?labelSelector=of%20in%20(collection,others)`);
    expect(
      left.object.items?.map(({ metadata }) => [metadata?.name, metadata?.deletionTimestamp !== undefined]),
    ).toEqual([
      ["c-2", true],
      ["c-3", false],
      ["c-other", false],
    ]);
    await admin.send("PATCH", `${MAPS}/c-2`, { metadata: { finalizers: null } });
  });

  test("of pods goes within the time that the options give", async () => {
    for (const name of ["p-1", "p-2"])
      await admin.send("POST", PODS, {
        metadata: { name, labels: { of: "collection" } },
        spec: { ...template.spec, nodeName: "n" },
      });
    const { code, object } = await admin.send(
      "DELETE",
      `${PODS}?labelSelector=of%3Dcollection`,
      options({ gracePeriodSeconds: 4 }),
    );
    expect(code).toBe(200);
    const { items } = (await admin.get(`${PODS}?labelSelector=of%3Dcollection`)).object;
    expect(items?.map(({ metadata }) => metadata?.deletionGracePeriodSeconds)).toEqual([4, 4]);
    expect(object.kind).toBe("PodList");
  });

  test.each([
    "services",
    "endpoints",
    "secrets",
    "serviceaccounts",
    "events",
    "podtemplates",
    "limitranges",
    "resourcequotas",
    "persistentvolumeclaims",
    "replicationcontrollers",
  ])("of %s can be deleted", async (resource) => {
    const { code, object } = await admin.send("DELETE", `${IN}/${resource}?labelSelector=of%3Dnothing`);
    expect([code, object.items]).toEqual([200, []]);
  });

  test("of priority classes has those of the system, too, which cannot be deleted by name", async () => {
    const path = "/apis/scheduling.k8s.io/v1/priorityclasses";
    expect(code(await admin.send("DELETE", `${path}/system-node-critical?dryRun=All`))).toEqual([403, "Forbidden"]);
    const { code: answered, object } = await admin.send("DELETE", `${path}?dryRun=All`);
    expect(answered).toBe(200);
    expect(object.items?.map(({ metadata }) => metadata?.name)).toContain("system-node-critical");
  });

  test("of namespaces cannot", async () => {
    expect(code(await admin.send("DELETE", "/api/v1/namespaces?labelSelector=of%3Dnothing"))).toEqual([
      405,
      "MethodNotAllowed",
    ]);
  });
});
