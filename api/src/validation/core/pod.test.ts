import { describe, expect, test } from "vitest";
import type { Unstructured } from "../../object.ts";
import { fieldErrorMessage } from "../../status/field-error.ts";
import { validateCreate, validateUpdate } from "../validate.ts";

const POD = { group: "", version: "v1", kind: "Pod" };

function pod(spec: object, resources: object = {}): Unstructured {
  const container = { name: "c", image: "i", imagePullPolicy: "Always", terminationMessagePolicy: "File", resources };
  const base = {
    containers: [container],
    restartPolicy: "Always",
    dnsPolicy: "ClusterFirst",
    terminationGracePeriodSeconds: 30,
  };
  return { apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec: { ...base, ...spec } } as Unstructured;
}

function messages(next: Unstructured, old: Unstructured, subresource = ""): string[] {
  return validateUpdate(POD, next, old, subresource).map(fieldErrorMessage);
}

describe("update", () => {
  test("an image, a shorter deadline and one more toleration may change", () => {
    const old = pod({ activeDeadlineSeconds: 9 });
    const next = pod({ activeDeadlineSeconds: 5, tolerations: [{ key: "a", operator: "Exists" }] });
    expect(messages(next, old)).toEqual([]);
  });

  test("a longer deadline and a lost toleration are refused", () => {
    const old = pod({ activeDeadlineSeconds: 5, tolerations: [{ key: "a", operator: "Exists" }] });
    expect(messages(pod({ activeDeadlineSeconds: 9 }), old)).toEqual([
      "spec.activeDeadlineSeconds: Invalid value: 9: must be less than or equal to previous value",
    ]);
    expect(messages(pod({ activeDeadlineSeconds: 5 }), old)).toEqual([
      "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds",
    ]);
  });

  test("a gated pod may lose gates and gain node labels, no other", () => {
    const old = pod({ schedulingGates: [{ name: "a/b" }], nodeSelector: { x: "1" } });
    expect(messages(pod({ nodeSelector: { x: "1", y: "2" } }), old)).toEqual([]);
    expect(messages(pod({ nodeSelector: { y: "2" } }), pod({ nodeSelector: { x: "1" } }))[0]).toMatch(
      /^spec: Forbidden: pod updates may not/,
    );
  });

  const AT = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
  const needs = (...keys: string[]): object => ({
    matchExpressions: keys.map((key) => ({ key, operator: "In", values: ["1"] })),
  });
  const onNodes = (...nodeSelectorTerms: object[]): object => ({
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
  });
  const preferring = {
    nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: needs("x") }] },
  };

  test.each<[string, object | undefined, object | undefined, RegExp | undefined]>([
    ["a requirement more", onNodes(needs("x")), onNodes(needs("x", "y")), undefined],
    ["terms where none were", undefined, onNodes(needs("x"), needs("y")), undefined],
    ["terms beside other affinity", { podAffinity: {} }, { podAffinity: {}, ...onNodes(needs("x")) }, undefined],
    ["other preferences", undefined, preferring, undefined],
    ["no affinity for an empty one", { nodeAffinity: {} }, undefined, undefined],
    [
      "another requirement",
      onNodes(needs("x")),
      onNodes(needs("y")),
      /^\[0\]: Invalid value: \{"MatchExpressions":\[\{"Key":"y","Operator":"In","Values":\["1"\]\}\],"MatchFields":null\}: only additions/,
    ],
    ["a term more", onNodes(needs("x")), onNodes(needs("x"), needs("y")), /: no additions\/deletions to non-empty/],
    ["no terms", onNodes(needs("x")), undefined, /: Invalid value: null: no additions\/deletions to non-empty/],
    ["what an empty term had not", onNodes({}), onNodes(needs("x")), /^\[0\]: .*: only additions/],
  ])("a gated pod is given %s", (_case, before, affinity, problem) => {
    const gated = pod({ schedulingGates: [{ name: "a/b" }], ...(before && { affinity: before }) });
    const said = messages(pod({ ...(affinity && { affinity }) }), gated);
    expect(said.map((one) => one.replace(AT, ""))).toEqual(
      problem === undefined ? [] : [expect.stringMatching(problem)],
    );
  });

  test("where pods are that a gated pod is to be with stays", () => {
    const gated = pod({ schedulingGates: [{ name: "a/b" }] });
    expect(messages(pod({ affinity: { podAffinity: {} } }), gated)[0]).toMatch(/^spec: Forbidden: pod updates may not/);
  });
});

describe("resize", () => {
  const resources = (cpu: string, memory = "1Gi"): object => ({ limits: { cpu, memory }, requests: { cpu, memory } });

  test("cpu and memory change within the QoS class", () => {
    expect(messages(pod({}, resources("2")), pod({}, resources("1")), "resize")).toEqual([]);
  });

  test("the QoS class stays", () => {
    const next = pod({}, { limits: { cpu: "2", memory: "1Gi" }, requests: { cpu: "1", memory: "1Gi" } });
    expect(messages(next, pod({}, resources("1")), "resize")).toEqual([
      'spec: Invalid value: "Guaranteed": Pod QOS Class may not change as a result of resizing',
    ]);
  });

  test("nothing else changes, and nothing goes", () => {
    const burstable = pod({}, { requests: { cpu: "1", memory: "1Gi" } });
    expect(messages(pod({}, { requests: { cpu: "1" } }), burstable, "resize")).toEqual([
      "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed",
    ]);
    const disk = { requests: { cpu: "1", memory: "1Gi", "ephemeral-storage": "1Gi" } };
    expect(messages(pod({}, disk), burstable, "resize")).toEqual([
      "spec: Forbidden: only cpu and memory resources are mutable",
    ]);
  });

  const init = (name: string, more: object = {}): object => ({
    ...{ name, image: "i", imagePullPolicy: "Always", terminationMessagePolicy: "File" },
    ...{ resources: { requests: { cpu: "1" } }, ...more },
  });
  const withInit = (...initContainers: readonly object[]): Unstructured => pod({ initContainers });

  test("containers neither come nor go nor change places", () => {
    const at = "spec.initContainers";
    expect(messages(withInit(init("a")), withInit(init("a"), init("b")), "resize")).toEqual([
      `${at}: Forbidden: initContainers may not be added or removed on resize`,
    ]);
    expect(messages(withInit(init("b"), init("a")), withInit(init("a"), init("b")), "resize")).toEqual([
      `${at}[0].name: Forbidden: initContainers may not be renamed or reordered on resize`,
      `${at}[1].name: Forbidden: initContainers may not be renamed or reordered on resize`,
    ]);
  });

  test("what has ended is not begun again", () => {
    const resizePolicy = [{ resourceName: "cpu", restartPolicy: "RestartContainer" }];
    const more = (cpu: string, other: object = {}): object =>
      init("a", { resizePolicy, resources: { requests: { cpu } }, ...other });
    expect(messages(withInit(more("2")), withInit(more("1")), "resize")).toContain(
      "spec.initContainers[0]: Forbidden: non-sidecar init containers with a resize policy of RestartContainer cannot be resized",
    );
    const sidecar = { restartPolicy: "Always" };
    expect(messages(withInit(more("2", sidecar)), withInit(more("1", sidecar)), "resize")).toEqual([]);
  });

  test("what a pod has as a whole changes too, and does not go", () => {
    const whole = (cpu?: string): Unstructured =>
      pod({ ...(cpu !== undefined && { resources: { requests: { cpu } } }) }, { requests: { cpu: "1" } });
    expect(messages(whole("3"), whole("2"), "resize")).toEqual([]);
    expect(messages(whole(), whole("2"), "resize")).toEqual([
      "spec.resources: Forbidden: pod-level resources cannot be removed",
    ]);
  });

  test("a pod from a file, of Windows or on a node that does not tell resources has none", () => {
    const [next, old] = [pod({}, resources("2")), pod({}, resources("1"))];
    const mirror = { ...old, metadata: { name: "p", annotations: { "kubernetes.io/config.mirror": "x" } } };
    expect(messages(next, mirror, "resize")).toEqual([": Forbidden: static pods cannot be resized"]);
    const windows = pod({ os: { name: "windows" } }, resources("1"));
    expect(messages(next, windows, "resize")).toEqual([": Forbidden: windows pods cannot be resized"]);
    const running = { ...old, status: { containerStatuses: [{ name: "c", state: { running: {} } }] } };
    expect(messages(next, running, "resize")).toEqual([
      "spec: Forbidden: Pod running on node without support for resize",
    ]);
  });
});

test("ephemeral containers are added and never change", () => {
  const debug = { name: "d", image: "i", imagePullPolicy: "Always", terminationMessagePolicy: "File" };
  const with_ = (list: readonly object[]): Unstructured => pod({ ephemeralContainers: list });
  expect(messages(with_([debug]), with_([]), "ephemeralcontainers")).toEqual([]);
  const mirror = { name: "p", annotations: { "kubernetes.io/config.mirror": "x" } };
  expect(messages(with_([debug]), { ...with_([]), metadata: mirror }, "ephemeralcontainers")).toEqual([
    ": Forbidden: static pods do not support ephemeral containers",
  ]);
  expect(messages(with_([]), with_([debug]), "ephemeralcontainers")[0]).toMatch(
    /^spec.ephemeralContainers: Forbidden: existing ephemeral containers "d" may not be removed/,
  );
});

describe("a name that replaces the hostname", () => {
  const created = (spec: object): string[] => validateCreate(POD, pod(spec)).map(fieldErrorMessage);

  test("is a DNS name that the kernel can hold", () => {
    expect(created({ hostnameOverride: "a.b" })).toEqual([]);
    expect(created({ hostnameOverride: "Not-RFC1123" })[0]).toMatch(
      /^spec.hostnameOverride: Invalid value: "Not-RFC1123"/,
    );
    expect(created({ hostnameOverride: "a".repeat(65) })[0]).toMatch(/^spec.hostnameOverride: Too long/);
  });

  test.each(["setHostnameAsFQDN", "hostNetwork"])("is not given beside %s", (other) => {
    expect(created({ hostnameOverride: "a", [other]: true })).toEqual([
      `spec.hostnameOverride: Forbidden: may not be specified when ${other} is true`,
    ]);
  });
});

describe("status", () => {
  const terminated = (exitCode: number): object => ({ name: "c", state: { terminated: { exitCode } } });
  const running = { name: "c", state: { running: {} } };
  const withStatus = (spec: object, status: object): Unstructured => ({ ...pod(spec), status }) as Unstructured;
  const changes = (spec: object, from: object, to: object): string[] =>
    messages(withStatus(spec, to), withStatus(spec, from), "status");

  test.each([
    ["Always", 0, true],
    ["OnFailure", 1, true],
    ["OnFailure", 0, false],
    ["Never", 1, false],
  ])("under restartPolicy %s, after exit code %i, a container may run again: %s", (restartPolicy, code, isAllowed) => {
    const refusal = "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state";
    const found = changes(
      { restartPolicy },
      { containerStatuses: [terminated(code)] },
      { containerStatuses: [running] },
    );
    expect(found).toEqual(isAllowed ? [] : [refusal]);
  });

  test("ephemeral containers run once", () => {
    const found = changes(
      {},
      { ephemeralContainerStatuses: [terminated(0)] },
      { ephemeralContainerStatuses: [running] },
    );
    expect(found).toEqual([
      "status.ephemeralContainerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state",
    ]);
  });

  test.each<[object, string]>([
    [
      { podIP: "10.0.0.1", podIPs: [{ ip: "10.0.0.1" }, { ip: "10.0.0.2" }] },
      'status.podIPs: Invalid value: [{"ip":"10.0.0.1"},{"ip":"10.0.0.2"}]: may specify no more than one IP for each IP family',
    ],
    [
      { podIP: "10.0.0.1" },
      "status.podIPs: Invalid value: null: podIP and podIPs must either both be set or both be unset",
    ],
    [
      { hostIP: "10.0.0.1", hostIPs: [{ ip: "10.0.0.2" }] },
      'status.hostIPs[0].ip: Invalid value: "10.0.0.2": must be equal to `hostIP`',
    ],
    [
      { resourceClaimStatuses: [{ name: "x" }] },
      'status.resourceClaimStatuses[0].name: Invalid value: "x": must match the name of an entry in `spec.resourceClaims`',
    ],
    [
      { conditions: [{ type: "a b" }] },
      "status.conditions[0].Type: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    ],
  ])("%j is refused", (status, message) => {
    expect(changes({}, {}, status)).toEqual([message]);
  });
});
