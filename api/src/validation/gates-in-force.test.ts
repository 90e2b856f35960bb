import { describe, expect, test } from "vitest";
import { FeatureGates } from "../feature-gates/index.ts";
import type { Unstructured } from "../object.ts";
import type { GroupVersionKind } from "../schema.ts";
import { fieldErrorMessage } from "../status/field-error.ts";
import { validateCreate, validateUpdate } from "./validate.ts";

const POD = { group: "", version: "v1", kind: "Pod" };
const SET = { group: "apps", version: "v1", kind: "StatefulSet" };
const AUTOSCALER = { group: "autoscaling", version: "v2", kind: "HorizontalPodAutoscaler" };
const VOLUME = { group: "", version: "v1", kind: "PersistentVolume" };

const metadata = { name: "a", namespace: "n", resourceVersion: "1" };
const container = {
  name: "c",
  image: "i",
  imagePullPolicy: "Always",
  terminationMessagePolicy: "File",
};
const podSpec = {
  containers: [container],
  restartPolicy: "Always",
  dnsPolicy: "ClusterFirst",
  terminationGracePeriodSeconds: 30,
};
const pod = (more: object): Unstructured => ({ metadata, spec: { ...podSpec, ...more } });
const labels = { app: "a" };
const set = (updateStrategy: object): Unstructured => ({
  metadata,
  spec: {
    podManagementPolicy: "OrderedReady",
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: podSpec },
    updateStrategy,
  },
});
const scaleTargetRef = { apiVersion: "apps/v1", kind: "Deployment", name: "d" };
const autoscaler = (metrics: readonly object[]): Unstructured => ({
  metadata,
  spec: { scaleTargetRef, minReplicas: 0, maxReplicas: 3, metrics },
});
const target = { type: "Value", value: "1" };
const queue = { type: "External", external: { metric: { name: "q" }, target } };
const cpu = { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 5 } } };
const tolerating = (value: string) => pod({ tolerations: [{ key: "a", operator: "Gt", value }] });

const under = (config: string, kind: GroupVersionKind, object: Unstructured): readonly string[] =>
  validateCreate(kind, object, FeatureGates.parse(config)).map(fieldErrorMessage);

describe("a value behind a gate", () => {
  test.each<readonly [string, GroupVersionKind, Unstructured, RegExp]>([
    ["TaintTolerationComparisonOperators", POD, tolerating("5"), /operator: Unsupported value: "Gt"/],
    [
      "UserNamespacesHostNetworkSupport",
      POD,
      pod({ hostUsers: false, hostNetwork: true }),
      /hostNetwork: Forbidden: when `hostUsers` is false/,
    ],
    ["StatefulSetRecreateStrategy", SET, set({ type: "Recreate" }), /must be 'RollingUpdate' or 'OnDelete'/],
    ["HPAScaleToZero", AUTOSCALER, autoscaler([queue]), /minReplicas: Invalid value: 0: must be greater than.* 1$/],
  ])("%s is refused while it is off", (gate, kind, object, message) => {
    expect(under(`${gate}=false`, kind, object).join()).toMatch(message);
    expect(under(`${gate}=true`, kind, object)).toEqual([]);
    // an object that has it stays as it is
    expect(validateUpdate(kind, object, object, "", FeatureGates.parse(`${gate}=false`))).toEqual([]);
  });

  test("is named where another value is refused, but for comparisons of taints", () => {
    const all = "AllAlpha=true,AllBeta=true";
    expect(under(all, SET, set({ type: "Other" })).join()).toContain(
      "must be 'RollingUpdate', 'OnDelete', or 'Recreate'",
    );
    const other = pod({ tolerations: [{ key: "a", operator: "Other" }] });
    expect(under(all, POD, other).join()).toMatch(/supported values: "Equal", "Exists"$/);
  });

  test("is one that means something", () => {
    const on = "TaintTolerationComparisonOperators=true";
    expect(under(on, POD, tolerating("01"))).toEqual([
      'spec.tolerations[0].value: Invalid value: "01": must be a valid decimal integer in canonical form',
    ]);
    expect(under("", AUTOSCALER, autoscaler([cpu]))).toEqual([
      "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas",
    ]);
    expect(under("StatefulSetRecreateStrategy=true", SET, set({ type: "Recreate", rollingUpdate: {} })).join()).toMatch(
      /only allowed for updateStrategy 'RollingUpdate'/,
    );
  });
});

test("where a volume can be used changes only behind its gate, or to the new names of labels", () => {
  const volume = (key: string): Unstructured => ({
    metadata,
    spec: {
      capacity: { storage: "1Gi" },
      accessModes: ["ReadWriteOnce"],
      hostPath: { path: "/x" },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key, operator: "Exists" }] }] } },
    },
  });
  const change = (from: string, to: string, gates = "") =>
    validateUpdate(VOLUME, volume(to), volume(from), "", FeatureGates.parse(gates)).map(({ field }) => field);
  expect(change("a", "b")).toEqual(["nodeAffinity"]);
  expect(change("a", "b", "MutablePVNodeAffinity=true")).toEqual([]);
  expect(change("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone")).toEqual([]);
});

describe("a pod's field behind a gate", () => {
  test.each<readonly [object, readonly string[]]>([
    [
      { schedulingGroup: {} },
      ["spec.schedulingGroup.podGroupName: Invalid value: null: must specify one of: `podGroupName`"],
    ],
    [
      { evictionResponders: [{ name: "a", priority: 1 }, { priority: -1 }] },
      [
        "spec.evictionResponders[0].name: Invalid value: \"a\": must include a prefix (e.g. 'example.com/key')",
        "spec.evictionResponders[0].priority: Invalid value: 1: priorities 0-999 are reserved for responders with *.k8s.io suffix",
        "spec.evictionResponders[1].name: Required value",
        "spec.evictionResponders[1].priority: Invalid value: -1: must be greater than or equal to 0",
      ],
    ],
    [
      { containers: [{ ...container, lifecycle: { stopSignal: "SIGUSR1" } }] },
      ["spec.containers[0].lifecycle.stopSignal: Forbidden: may not be set for containers with empty `spec.os.name`"],
    ],
    [
      { containers: [{ ...container, lifecycle: { stopSignal: "SIGUSR1" } }], os: { name: "windows" } },
      ['spec.containers[0].lifecycle.stopSignal: Unsupported value: "SIGUSR1": supported values: "SIGKILL", "SIGTERM"'],
    ],
    [
      { volumes: [{ name: "v", emptyDir: { mode: 0o2000 } }] },
      [
        "spec.volumes[0].emptyDir.mode: Invalid value: 1024: must be a number between 0 and 01777 (octal), both inclusive",
      ],
    ],
    [
      { volumes: [{ name: "v", configMap: { name: "a", defaultUser: -1 } }] },
      ["spec.volumes[0].configMap.defaultUser: Invalid value: -1: must be between 0 and 2147483647, inclusive"],
    ],
  ])("%j", (more, messages) => {
    expect(under("AllAlpha=true,AllBeta=true", POD, pod(more))).toEqual(messages);
  });
});
