import type { Unstructured } from "@tsukube/api";
import bootstrap from "@tsukube/api/facts/bootstrap.json" with { type: "json" };
import defaults from "@tsukube/api/facts/defaults.json" with { type: "json" };
import discovery from "@tsukube/api/facts/discovery.json" with { type: "json" };
import facts from "@tsukube/api/facts/validation.json" with { type: "json" };
import { type Cluster, startCluster } from "@tsukube/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { normalized } from "./normalized.ts";
import { type Created, EVERYTHING, pathOf, RECORDED_OBJECTS, recorder, send, warningsOf } from "./recorded-cluster.ts";

const ALL_OBJECTS = Object.entries(RECORDED_OBJECTS);
const OBJECTS = ALL_OBJECTS.filter(([, { server }]) => server === "default");
/** Of versions that are off by default. */
const OTHERS = ALL_OBJECTS.filter(([, { server }]) => server === "all");
/** Answers that differ, and why. */
const DIFFERS: Readonly<Record<string, string>> = {
  "v1 bindings": "the recorder had a pod of that name",
  "authentication.k8s.io/v1 tokenreviews": "the recorder had a static token",
  "authorization.k8s.io/v1 selfsubjectrulesreviews": "the order of rules is of no meaning",
  "authorization.k8s.io/v1 subjectaccessreviews #nonResource": "several bindings allow it: each may be the reason",
};

let cluster: Cluster;
beforeAll(async () => {
  cluster = await recorder();
});
afterAll(() => cluster.close());

describe("an object that is created", () => {
  for (const [name, recorded] of OBJECTS) {
    test(`${name} comes back as recorded`, async () => {
      const { path, apiVersion, kind } = pathOf(name);
      const { code, object, warnings } = await send(cluster.transport, "POST", path, {
        apiVersion,
        kind,
        ...recorded.in,
      });
      if (DIFFERS[name] !== undefined) {
        expect(normalized(object), `${name} is as recorded, and stands on the list`).not.toEqual(
          normalized(recorded.out),
        );
        return;
      }
      expect({ code, warnings, object: normalized(object) }).toEqual({
        code: recorded.code,
        warnings: warningsOf(name, recorded.warnings),
        object: normalized(recorded.out),
      });
    });
  }
});

describe("an object of a version that the runtime config enables", () => {
  let every: Cluster;
  beforeAll(async () => {
    every = await recorder(EVERYTHING);
  });
  afterAll(() => every.close());

  for (const [name, recorded] of OTHERS) {
    test(`${name} comes back as recorded`, async () => {
      const { path, apiVersion, kind } = pathOf(name);
      const elsewhere = await cluster.transport.request({ method: "GET", path, headers: {} });
      expect(elsewhere.status, "it is not there by default").toBe(404);
      const created = await send(every.transport, "POST", path, { apiVersion, kind, ...recorded.in });
      expect({ ...created, object: normalized(created.object) }).toEqual({
        code: recorded.code,
        warnings: warningsOf(name, recorded.warnings),
        object: normalized(recorded.out),
      });
    });
  }
});

const SCHEDULED = "v1 pods (scheduled)";
const COLLECTION = "v1 configmaps (collection)";

interface Deletion {
  readonly code: number;
  readonly kind: string;
  readonly finalizers?: readonly string[];
  readonly deletionTimestamp?: boolean;
  readonly deletionGracePeriodSeconds?: number;
  readonly phase?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: unknown;
}

/** What is recorded of the answer to a DELETE, or to the GET after it. */
function deletionOf(code: number, object: Unstructured): unknown {
  const { kind, metadata = {}, status, reason, message, details } = object as Unstructured & Deletion;
  const { finalizers, deletionTimestamp, deletionGracePeriodSeconds, generation } = metadata;
  const { phase } = (status ?? {}) as { readonly phase?: string };
  const answer =
    kind === "Status"
      ? { code, kind, status, reason, message, details }
      : {
          code,
          kind,
          deletionGracePeriodSeconds,
          finalizers,
          generation,
          deletionTimestamp: deletionTimestamp !== undefined,
          phase,
        };
  return JSON.parse(JSON.stringify(answer).replaceAll(/"uid":"[^"]+"/g, '"uid":"<uid>"'));
}

describe("an object that is deleted", () => {
  const clusters: Partial<Record<Created["server"], Cluster>> = {};
  beforeAll(async () => {
    clusters.default = await recorder();
    clusters.all = await recorder(EVERYTHING);
  });
  afterAll(async () => {
    await clusters.default?.close();
    await clusters.all?.close();
  });

  const { [SCHEDULED]: scheduled, [COLLECTION]: collection, ...single } = facts.delete;
  for (const [name, recorded] of Object.entries(single as Readonly<Record<string, object>>)) {
    const created = RECORDED_OBJECTS[name]!;
    test(`${name} goes as recorded`, async () => {
      const fresh = clusters[created.server]!;
      const { path, apiVersion, kind } = pathOf(name);
      const made = await send(fresh.transport, "POST", path, { apiVersion, kind, ...created.in });
      const at = `${path}/${made.object.metadata?.name}`;
      const target = { name: "n1" };
      if (name === "v1 pods")
        await send(fresh.transport, "POST", `${at}/binding`, {
          metadata: { name: made.object.metadata?.name },
          target,
        });
      const answers: Record<string, unknown> = {};
      for (const propagationPolicy of ["Foreground", "Orphan"]) {
        const { code, object } = await send(fresh.transport, "DELETE", at, {
          dryRun: ["All"],
          propagationPolicy,
        });
        answers[`dryRun ${propagationPolicy}`] = deletionOf(code, object);
      }
      const gone = await send(fresh.transport, "DELETE", at);
      answers["delete"] = deletionOf(gone.code, gone.object);
      const after = await send(fresh.transport, "GET", at);
      answers["get after"] = deletionOf(after.code, after.object);
      expect(answers).toEqual(recorded);
    });
  }

  test(`${SCHEDULED} goes as recorded, in its time and sooner when asked again`, async () => {
    const { transport } = clusters.default!;
    const { path } = pathOf("v1 pods");
    for (const name of ["tg", "pr"]) {
      await send(transport, "POST", path, { metadata: { name }, spec: RECORDED_OBJECTS["v1 pods"]!.in["spec"] });
      await send(transport, "POST", `${path}/${name}/binding`, { metadata: { name }, target: { name: "n1" } });
    }
    const answers: Record<string, unknown> = {};
    for (const [what, query] of [
      ["scheduled pod", "tg"],
      ["scheduled pod again", "tg"],
      ["scheduled pod grace 5", "tg?gracePeriodSeconds=5"],
      ["scheduled pod grace 0", "tg?gracePeriodSeconds=0"],
      ["scheduled pod grace 0 at once", "pr?gracePeriodSeconds=0"],
    ] as const) {
      const asked = await send(transport, "DELETE", `${path}/${query}`);
      answers[what] = deletionOf(asked.code, asked.object);
      const after = await send(transport, "GET", `${path}/${query}`);
      answers[`${what}: get after`] = deletionOf(after.code, after.object);
    }
    expect(answers).toEqual(scheduled);
  });

  test(`${COLLECTION} goes as recorded`, async () => {
    const { transport } = clusters.default!;
    const { path } = pathOf("v1 configmaps");
    await send(transport, "POST", path, { metadata: { name: "one", labels: { of: "collection" } } });
    const { code, object } = await send(transport, "DELETE", `${path}?labelSelector=of%3Dcollection`);
    const { items } = object as unknown as { readonly items: readonly object[] };
    expect({ code, kind: object.kind, items: items.length }).toEqual(collection);
  });
});

interface Asked {
  readonly request: string;
  readonly in?: Unstructured;
  readonly code: number;
  readonly out?: Unstructured;
}

const TYPES: Readonly<Record<string, string>> = {
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

/** Of managedFields alone: api/src/apply/field-manager.test.ts has it. */
const ELSEWHERE = "GET apps/v1 deployments: managedFields after a plain POST";

/** What of the recorded requests cannot be answered alike, and why. */
const ASKED_DIFFERS: Readonly<Record<string, string>> = {
  "GET v1 componentstatuses": "the recorder had no scheduler and no controllers",
  "POST v1 serviceaccounts/token {}": "the issuer is another: kubeadm's, with the cluster's domain",
};

describe("a request about a part of an object", () => {
  for (const asked of defaults.requests as unknown as readonly Asked[]) {
    if (asked.request === ELSEWHERE) continue;
    test(`${asked.request} is answered as recorded`, async () => {
      const [, method = "", where = "", subresource = ""] = /^(\S+) (\S+ [a-z]+)(\/[a-z]+)?/.exec(asked.request) ?? [];
      const type = TYPES[/merge|strategic|apply/.exec(asked.request)?.[0] ?? "strategic"] ?? "";
      const { name, details } = { name: asked.out?.metadata?.name, ...asked.out } as unknown as Named;
      const object = asked.in?.metadata?.name ?? (name || details?.name);
      // the recorder only tried these
      const isDry = /eviction|binding|pods\/status/.test(asked.request);
      const query = isDry ? "?dryRun=All" : type.includes("apply") ? "?fieldManager=recorder" : "";
      const path = `${pathOf(where).path}/${object}${subresource}${query}`;
      const contentType = method === "PATCH" ? type : "application/json";
      const body = method === "PUT" ? { ...asked.in, metadata: { name: object, ...asked.in?.metadata } } : asked.in;
      const answer = await send(cluster.transport, method, path, body, contentType);
      const [got, wanted] = [normalized(answer.object), normalized(asked.out!)];
      if (ASKED_DIFFERS[asked.request] !== undefined) expect(got).not.toEqual(wanted);
      else expect([answer.code, got]).toEqual([asked.code, wanted]);
    });
  }
});

interface Named {
  readonly name?: string;
  readonly details?: { readonly name?: string };
}

/** Recorded by name, without what a client sees of any object. */
const NOT_BOOTSTRAPPED: Readonly<Record<string, string>> = {
  "v1 configmaps": "of servers with certificates for aggregation: src/aggregation/aggregation.test.ts has it",
  "coordination.k8s.io/v1 leases": "of servers with the name of a host: src/bootstrap/identity-lease.test.ts has it",
};

/** The recorder's API server was reached at another address, and aggregated roles are filled by a controller. */
function bootstrapped(object: Unstructured): unknown {
  const text = JSON.stringify(normalized(object)).replaceAll("192.0.2.10", "10.64.0.1");
  return JSON.parse(text.replaceAll(/"lastTransitionTime":(null|"<time>"),?/g, ""));
}

describe("a fresh server", () => {
  for (const [name, objects] of Object.entries(bootstrap as unknown as Readonly<Record<string, Unstructured[]>>)) {
    if (NOT_BOOTSTRAPPED[name] !== undefined) continue;
    test(`has the ${name} of upstream`, async () => {
      const fresh = await startCluster({ serviceCidr: "10.0.0.0/24" });
      for (const recorded of objects) {
        const { name: object = "", namespace = "" } = recorded.metadata ?? {};
        const [apiVersion = "", resource = ""] = name.split(" ");
        const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
        const path = `${root}/${namespace === "" ? "" : `namespaces/${namespace}/`}${resource}/${object}`;
        const answer = await send(fresh.transport, "GET", path);
        const { kind: _kind, apiVersion: _version, ...found } = answer.object;
        expect([path, answer.code, bootstrapped(found)]).toEqual([path, 200, bootstrapped(recorded)]);
      }
      await fresh.close();
    });
  }

  for (const root of ["/api", "/apis"] as const) {
    test(`tells what it serves below ${root} as upstream does`, async () => {
      const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
      const fresh = await startCluster();
      const { body } = await fresh.transport.request({ method: "GET", path: root, headers: { accept } });
      const told = JSON.parse(Buffer.from(body as Uint8Array).toString()) as unknown;
      expect(told).toEqual((discovery as unknown as { default: Readonly<Record<string, unknown>> }).default[root]);
      await fresh.close();
    });
  }
});
