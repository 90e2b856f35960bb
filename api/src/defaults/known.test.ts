import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { objectOf } from "../../test/arbitrary.ts";
import { parseApiVersion } from "../schema.ts";
import { schemaOf } from "../schema-of.ts";
import { applyDefaults } from "./index.ts";

type Tree = Record<string, unknown>;

function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const member of Object.values(value)) frozen(member);
  return value;
}

/** Members of either, and of the members themselves where both have them. */
function mixed(left: unknown, right: unknown, picks: readonly boolean[], depth: number): unknown {
  if (depth === 0 || !isTree(left) || !isTree(right)) return picks[depth] ? left : right;
  const out: Tree = {};
  [...new Set([...Object.keys(left), ...Object.keys(right)])].forEach((name, index) => {
    const rest = picks.slice(index % picks.length);
    const [a, b] = [Object.hasOwn(left, name), Object.hasOwn(right, name)];
    if (a && b) out[name] = mixed(left[name], right[name], rest, depth - 1);
    else if (rest[0] === true && name !== "__proto__") out[name] = a ? left[name] : right[name];
  });
  return out;
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const KINDS = [
  ..."v1/Pod v1/Service v1/PersistentVolume v1/PersistentVolumeClaim v1/ReplicationController v1/Namespace v1/Secret".split(
    " ",
  ),
  ..."apps/v1/Deployment apps/v1/StatefulSet apps/v1/DaemonSet apps/v1/ReplicaSet batch/v1/Job batch/v1/CronJob".split(
    " ",
  ),
  ..."autoscaling/v2/HorizontalPodAutoscaler networking.k8s.io/v1/NetworkPolicy networking.k8s.io/v1/Ingress".split(
    " ",
  ),
  ..."rbac.authorization.k8s.io/v1/RoleBinding admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration".split(
    " ",
  ),
  ..."storage.k8s.io/v1/StorageClass discovery.k8s.io/v1/EndpointSlice".split(" "),
];

const RESOURCES = fc.dictionary(
  fc.constantFrom("cpu", "memory", "x.io/y"),
  fc.constantFrom("1", "100m", "1500u", "2Gi"),
);
const PARTLY = { requiredKeys: [] as [] };
const CONTAINER = fc.record(
  {
    name: fc.constantFrom("a", "b"),
    image: fc.constantFrom("a:1", "a", "a@sha256:1", "a:latest"),
    ports: fc.array(fc.record({ containerPort: fc.constantFrom(80, 81), hostPort: fc.constantFrom(0, 80) }, PARTLY), {
      maxLength: 2,
    }),
    resources: fc.record({ limits: RESOURCES, requests: RESOURCES }, PARTLY),
    livenessProbe: fc.record(
      { httpGet: fc.record({ port: fc.constant(1), path: fc.constantFrom("", "/x") }, PARTLY) },
      PARTLY,
    ),
  },
  PARTLY,
);
const POD = fc.record(
  {
    kind: fc.constant("Pod"),
    metadata: fc.record({ labels: fc.dictionary(fc.constantFrom("a", "b"), fc.constantFrom("1", "2")) }),
    spec: fc.record(
      {
        hostNetwork: fc.boolean(),
        enableServiceLinks: fc.boolean(),
        containers: fc.array(CONTAINER, { maxLength: 2 }),
        initContainers: fc.array(CONTAINER, { maxLength: 1 }),
        resources: fc.record({ limits: RESOURCES, requests: RESOURCES }, PARTLY),
        serviceAccount: fc.constantFrom("", "x"),
        volumes: fc.array(fc.record({ name: fc.constant("v"), hostPath: fc.constant({ path: "/" }) }, PARTLY), {
          maxLength: 2,
        }),
      },
      PARTLY,
    ),
  },
  PARTLY,
);
const PICKS = fc.array(fc.boolean(), { minLength: 7, maxLength: 12 });

/** Parts of what was stored before are known, a copy is not. */
describe("defaults of what is known", () => {
  const like = (kind: string, any: fc.Arbitrary<Tree>, numRuns: number) => {
    const parts = kind.split("/");
    const gvk = { ...parseApiVersion(parts.slice(0, -1).join("/")), kind: parts.at(-1)! };
    const alike = fc.property(any, any, PICKS, PICKS, (before, other, picks, more) => {
      const live = frozen(applyDefaults(gvk, before));
      expect(applyDefaults(gvk, live)).toEqual(live);
      const raw = frozen(mixed(live, other, picks, 3) as Tree);
      expect(applyDefaults(gvk, raw)).toEqual(applyDefaults(gvk, structuredClone(raw)));
      const next = mixed(raw, frozen(applyDefaults(gvk, other)), more, 3) as Tree;
      expect(applyDefaults(gvk, next)).toEqual(applyDefaults(gvk, structuredClone(next)));
    });
    fc.assert(alike, { numRuns });
  };

  test.each(KINDS)("%s: parts that were seen before get what parts get that were not", (kind) => {
    const parts = kind.split("/");
    like(kind, objectOf(schemaOf({ ...parseApiVersion(parts.slice(0, -1).join("/")), kind: parts.at(-1)! })!), 40);
  });

  test("nothing that is known is made anew", () => {
    const gvk = { group: "", version: "v1", kind: "Pod" };
    const live = frozen(
      applyDefaults(gvk, { kind: "Pod", spec: { containers: [{ name: "a", image: "a:1" }] } } as Tree),
    );
    expect(applyDefaults(gvk, live)).toBe(live);
    expect(applyDefaults(gvk, { ...live, metadata: { name: "b" } } as Tree)["spec"]).toBe(live["spec"]);
  });

  test("containers that request what they are limited to are not made anew in a spec that is", () => {
    const gvk = { group: "", version: "v1", kind: "Pod" };
    const container = { name: "a", image: "a:1", resources: { limits: { cpu: "1" } } };
    const live = frozen(applyDefaults(gvk, { kind: "Pod", spec: { containers: [container] } } as Tree));
    const next = applyDefaults(gvk, { ...live, spec: { ...(live["spec"] as Tree), priority: 1 } } as Tree);
    const containers = (pod: Tree): unknown => (pod["spec"] as Tree)["containers"];
    expect(containers(next)).toBe(containers(live));
    expect(containers(live)).toEqual([
      expect.objectContaining({ resources: { limits: { cpu: "1" }, requests: { cpu: "1" } } }),
    ]);
  });

  test("a Pod, whose defaults depend on one another", () => like("v1/Pod", POD, 1000));
});
