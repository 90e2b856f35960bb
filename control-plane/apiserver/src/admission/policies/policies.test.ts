import { ApiError, type Unstructured } from "@tsukube/api";
import { type Cluster, startCluster } from "@tsukube/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const IN = "/api/v1/namespaces/default";
const GROUP = "/apis/admissionregistration.k8s.io/v1";
const DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments";
let cluster: Cluster;
let warnings: readonly string[];
beforeEach(async () => {
  cluster = await startCluster();
});
afterEach(() => cluster.close());

async function send(method: string, path: string, body: object): Promise<Unstructured> {
  const headers = { "content-type": "application/json" };
  const response = await cluster.transport.request({ method, path, headers, body: Buffer.from(JSON.stringify(body)) });
  warnings = ((response.headers["warning"] ?? []) as readonly string[]).map(
    (text) => JSON.parse(text.slice(6)) as string,
  );
  const object = JSON.parse(Buffer.from(response.body as Uint8Array).toString()) as Unstructured;
  if (response.status >= 400) throw new ApiError(object as never);
  return object;
}

const rule = (apiGroups: readonly string[], resources: readonly string[]) => ({
  apiGroups,
  apiVersions: ["v1"],
  operations: ["CREATE", "UPDATE"],
  resources,
});
const onDeployments = { resourceRules: [rule(["apps"], ["deployments"])] };
const onConfigMaps = { resourceRules: [rule([""], ["configmaps"])] };

const ALLOWED = "authorizer.path('/').check('get').allowed()";
/** Costs as much as there are pairs of keys. */
const COSTLY = "object.data.all(k, object.data.all(l, k == l || true))";
const keysOf = (many: number): Readonly<Record<string, string>> =>
  Object.fromEntries(Array.from({ length: many }, (_, index) => [`k${index}`, ""]));

async function policy(kind: "validating" | "mutating", spec: object, binding: object = {}): Promise<void> {
  await send("POST", `${GROUP}/${kind}admissionpolicies`, { metadata: { name: "p" }, spec });
  const actions = kind === "validating" ? { validationActions: ["Deny"] } : {};
  await send("POST", `${GROUP}/${kind}admissionpolicybindings`, {
    metadata: { name: "b" },
    spec: { policyName: "p", ...actions, ...binding },
  });
}

const deployment = (name: string, replicas: number, labels: Readonly<Record<string, string>> = {}) => ({
  metadata: { name, labels },
  spec: {
    replicas,
    selector: { matchLabels: { app: "a" } },
    template: { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "c", image: "i" }] } },
  },
});
const binding = (name: string) => ({ metadata: { name }, target: { kind: "Node", name: "n" } });
const configMap = (data: Readonly<Record<string, string>>, name = "c") =>
  send("POST", `${IN}/configmaps`, { metadata: { name }, data });

describe("a validating policy", () => {
  test("denies what does not fulfil it, with its message", async () => {
    await policy("validating", {
      matchConstraints: onDeployments,
      validations: [
        {
          expression: "object.spec.replicas > 1",
          messageExpression: "'wants more than 1, got ' + string(object.spec.replicas)",
        },
        { expression: "namespaceObject.metadata.name == 'default'" },
      ],
    });
    const refused = await send("POST", DEPLOYMENTS, deployment("d", 1)).catch((error: unknown) => error as ApiError);
    expect(refused).toMatchObject({
      httpCode: 422,
      reason: "Invalid",
      message:
        "deployments.apps \"d\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: wants more than 1, got 1",
    });
    await expect(send("POST", DEPLOYMENTS, deployment("d", 2))).resolves.toBeDefined();
  });

  test("has variables, which see one another", async () => {
    await policy("validating", {
      matchConstraints: onDeployments,
      variables: [
        { name: "replicas", expression: "object.spec.replicas" },
        { name: "isOdd", expression: "variables.replicas % 2 == 1" },
      ],
      validations: [{ expression: "variables.replicas > 1", reason: "Forbidden" }, { expression: "variables.isOdd" }],
    });
    await expect(send("POST", DEPLOYMENTS, deployment("d", 2))).rejects.toThrow("failed expression: variables.isOdd");
    await expect(send("POST", DEPLOYMENTS, deployment("d", 1))).rejects.toMatchObject({
      httpCode: 403,
      reason: "Forbidden",
    });
    await expect(send("POST", DEPLOYMENTS, deployment("d", 3))).resolves.toBeDefined();
  });

  test("takes parameters from an object", async () => {
    await configMap({ max: "3" }, "limits");
    const spec = {
      paramKind: { apiVersion: "v1", kind: "ConfigMap" },
      matchConstraints: onDeployments,
      validations: [{ expression: "object.spec.replicas <= int(params.data.max)" }],
    };
    await policy("validating", spec, {
      paramRef: { name: "limits", namespace: "default", parameterNotFoundAction: "Deny" },
    });
    await expect(send("POST", DEPLOYMENTS, deployment("d", 4))).rejects.toThrow("failed expression");
    await expect(send("POST", DEPLOYMENTS, deployment("d", 3))).resolves.toBeDefined();
    await cluster.client.raw("DELETE", `${IN}/configmaps/limits`);
    await expect(send("POST", DEPLOYMENTS, deployment("e", 3))).rejects.toThrow(
      "no params found for policy binding with `Deny` parameterNotFoundAction",
    );
  });

  test.each([
    [
      "without its parameters",
      "v1",
      "ConfigMap",
      "with binding 'b' denied request: failed to configure binding: no params",
    ],
    [
      "of an unknown kind of parameters",
      "example.com/v1",
      "Nope",
      "denied request: failed to configure policy: failed to",
    ],
  ])("%s denies, whatever its binding does with objections", async (_what, apiVersion, kind, message) => {
    const spec = {
      paramKind: { apiVersion, kind },
      matchConstraints: onDeployments,
      validations: [{ expression: "true" }],
    };
    const paramRef = { name: "none", namespace: "default", parameterNotFoundAction: "Deny" };
    await policy("validating", spec, { validationActions: ["Warn"], paramRef });
    await expect(send("POST", DEPLOYMENTS, deployment("d", 1))).rejects.toThrow(
      `ValidatingAdmissionPolicy 'p' ${message}`,
    );
  });

  test("whose annotation has no value denies, also where nobody is audited", async () => {
    const auditAnnotations = [{ key: "k", valueExpression: "object.data.nope + ''" }];
    await policy("validating", { matchConstraints: onConfigMaps, auditAnnotations }, { validationActions: ["Audit"] });
    await expect(configMap({})).rejects.toThrow("resulted in error: no such key");
  });

  test("goes on with other parameters where its conditions have no value for some", async () => {
    for (const [name, data] of [
      ["a", {}],
      ["b", { on: "yes" }],
    ] as const)
      await send("POST", `${IN}/configmaps`, { metadata: { name, labels: { param: "yes" } }, data });
    const spec = {
      failurePolicy: "Ignore",
      paramKind: { apiVersion: "v1", kind: "ConfigMap" },
      matchConstraints: onDeployments,
      matchConditions: [{ name: "on", expression: "params.data.on == 'yes'" }],
      validations: [{ expression: "false" }],
    };
    const paramRef = { namespace: "default", selector: { matchLabels: { param: "yes" } } };
    await policy("validating", spec, { paramRef: { ...paramRef, parameterNotFoundAction: "Allow" } });
    await expect(send("POST", DEPLOYMENTS, deployment("d", 1))).rejects.toThrow("failed expression: false");
  });

  test("warns where the binding says so", async () => {
    const spec = { matchConstraints: onConfigMaps, validations: [{ expression: "false", message: "never good" }] };
    await policy("validating", spec, { validationActions: ["Warn"] });
    await configMap({});
    expect(warnings).toEqual(["Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': never good"]);
  });

  test("is asked only about what it and its binding match", async () => {
    const spec = {
      matchConstraints: {
        resourceRules: [rule([""], ["*"])],
        excludeResourceRules: [{ ...rule([""], ["secrets"]) }],
      },
      matchConditions: [{ name: "not-me", expression: "object.metadata.name != 'me'" }],
      validations: [{ expression: "false" }],
    };
    await policy("validating", spec, { matchResources: { objectSelector: { matchLabels: { watched: "yes" } } } });
    const labels = { watched: "yes" };
    await expect(configMap({}, "unwatched")).resolves.toBeDefined();
    await expect(send("POST", `${IN}/configmaps`, { metadata: { name: "c", labels } })).rejects.toThrow(
      "denied request",
    );
    await expect(send("POST", `${IN}/configmaps`, { metadata: { name: "me", labels } })).resolves.toBeDefined();
    await expect(send("POST", `${IN}/secrets`, { metadata: { name: "c", labels } })).resolves.toBeDefined();
  });

  test("may ask who may do what", async () => {
    const nobody = "authorizer.serviceAccount('default', 'nobody').group('').resource('configmaps').check('create')";
    await policy("validating", {
      matchConstraints: onConfigMaps,
      matchConditions: [{ name: "may", expression: "authorizer.requestResource.check('create').allowed()" }],
      validations: [
        {
          expression:
            "authorizer.path('/healthz').check('get').allowed() && authorizer.group('').resource('nodes').check('get').allowed()",
        },
        { expression: `${nobody}.allowed()`, message: "nobody may not" },
      ],
    });
    await expect(configMap({})).rejects.toThrow(/nobody may not/);
  });

  test("asks with selectors, which the node authorizer goes by", async () => {
    const pods = "authorizer.group('').resource('pods')";
    const may = `${pods}.fieldSelector('spec.nodeName=n1').labelSelector('a in (b)').check('list').allowed()`;
    await policy("validating", {
      matchConstraints: { resourceRules: [rule(["coordination.k8s.io"], ["leases"])] },
      variables: [
        { name: "own", expression: may },
        { name: "others", expression: `${pods}.fieldSelector('spec.nodeName=n2').check('list').allowed()` },
        { name: "unclear", expression: `${pods}.fieldSelector('spec.nodeName').check('list').allowed()` },
        { name: "all", expression: `${pods}.check('list').allowed()` },
      ],
      validations: [
        {
          expression: "false",
          messageExpression:
            "[variables.own, variables.others, variables.unclear, variables.all].map(v, string(v)).join()",
        },
      ],
    });
    await cluster.client.raw("POST", "/api/v1/namespaces", { metadata: { name: "kube-node-lease" } }).catch(() => {});
    const node = cluster.clientAs({ name: "system:node:n1", groups: ["system:nodes", "system:authenticated"] });
    const leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
    await expect(node.raw("POST", leases, { metadata: { name: "n1" } })).rejects.toThrow("truefalsefalsefalse");
  });

  test.each([
    ["authorizer.path(' ').check('get').allowed()", "path must not be empty"],
    ["authorizer.group('').resource('').check('get').allowed()", "resource must not be empty"],
    ["authorizer.serviceAccount('default', '').path('/').check('get').allowed()", "Invalid service account name"],
    [Array(3).fill(ALLOWED).join(" && "), "operation cancelled: actual cost limit exceeded"],
    ["authorizer.serviceAccount('A', 'a').path('/').check('get').allowed()", "Invalid service account namespace"],
  ])("has no value for %s", async (expression, message) => {
    await policy("validating", { matchConstraints: onConfigMaps, validations: [{ expression }] });
    await expect(configMap({})).rejects.toThrow(`resulted in error: ${message}`);
  });

  test.each([
    [1, 380, undefined],
    [1, 700, `expression '${COSTLY}' resulted in error: operation cancelled: actual cost limit exceeded`],
    [20, 380, "validation failed due to running out of cost budget, no further validation rules will be run"],
  ])("of %i expressions that look at %i keys each is within its budget, or not: %s", async (many, keys, message) => {
    const validations = Array.from({ length: many }, () => ({ expression: COSTLY }));
    await policy("validating", { matchConstraints: onConfigMaps, validations });
    const made = configMap(keysOf(keys), "costly");
    await (message === undefined ? expect(made).resolves.toBeDefined() : expect(made).rejects.toThrow(message));
  });

  test("that has no value denies, unless failures are to be ignored", async () => {
    const spec = { matchConstraints: onConfigMaps, validations: [{ expression: "object.spec.nope > 1" }] };
    await policy("validating", spec);
    await expect(configMap({})).rejects.toThrow(
      "expression 'object.spec.nope > 1' resulted in error: no such key: spec",
    );
    const live = (await cluster.client.raw("GET", `${GROUP}/validatingadmissionpolicies/p`)) as Unstructured;
    const lenient = { ...live, spec: { ...(live["spec"] as object), failurePolicy: "Ignore" } };
    await send("PUT", `${GROUP}/validatingadmissionpolicies/p`, lenient);
    await expect(configMap({})).resolves.toBeDefined();
  });

  test("is refused when it cannot be compiled", async () => {
    const bad = (validations: object, more: object = {}) =>
      policy("validating", { matchConstraints: onConfigMaps, validations: [validations], ...more });
    await expect(bad({ expression: "object.x ==" })).rejects.toThrow(
      'spec.validations[0].expression: Invalid value: "object.x ==": compilation failed: ERROR: <input>:1:12: Syntax error',
    );
    await expect(bad({ expression: "'text'" })).rejects.toThrow("must evaluate to bool");
    await expect(bad({ expression: "true", messageExpression: "1" })).rejects.toThrow("must evaluate to string");
  });
});

/** What a request is, as the policies' rules name it, and whether one that is never fulfilled refuses it. */
const ASKED: readonly (readonly [
  asked: string,
  rule: readonly [group: string, resource: string, operation: string],
  request: readonly [method: string, path: string, body: object],
  code: number,
])[] = [
  [
    "a webhook configuration is another object",
    ["admissionregistration.k8s.io", "*", "CREATE"],
    ["POST", `${GROUP}/validatingwebhookconfigurations`, { metadata: { name: "w" } }],
    422,
  ],
  [
    "a policy's binding is the policies' own",
    ["admissionregistration.k8s.io", "*", "CREATE"],
    [
      "POST",
      `${GROUP}/validatingadmissionpolicybindings`,
      { metadata: { name: "c" }, spec: { policyName: "q", validationActions: ["Deny"] } },
    ],
    201,
  ],
  ["a binding is a resource", ["", "bindings", "CREATE"], ["POST", `${IN}/bindings`, binding("p")], 422],
  ["a binding is no pod's", ["", "pods/binding", "CREATE"], ["POST", `${IN}/bindings`, binding("p")], 201],
  ["a pod's binding is", ["", "pods/binding", "CREATE"], ["POST", `${IN}/pods/p/binding`, binding("p")], 422],
  ["an eviction", ["", "pods/eviction", "CREATE"], ["POST", `${IN}/pods/p/eviction`, { metadata: { name: "p" } }], 422],
  ["a connection", ["", "pods/exec", "CONNECT"], ["POST", `${IN}/pods/p/exec`, {}], 422],
  [
    "an eviction deletes nothing itself",
    ["", "pods", "*"],
    ["POST", `${IN}/pods/p/eviction`, { metadata: { name: "p" } }],
    201,
  ],
];

test.each(ASKED)("%s", async (_, [group, resource, operation], [method, path, body], code) => {
  await send("POST", `${IN}/serviceaccounts`, { metadata: { name: "default" } });
  await send("POST", `${IN}/pods`, { metadata: { name: "p" }, spec: { containers: [{ name: "c", image: "i" }] } });
  await policy("validating", {
    matchConstraints: { resourceRules: [{ ...rule([group], [resource]), operations: [operation] }] },
    validations: [{ expression: "false" }],
  });
  const answered = send(method, path, body).then(
    () => 201,
    (error: unknown) => (error as ApiError).httpCode,
  );
  expect(await answered).toBe(code);
});

test("what a connection is asked for has no labels, nor lacks any", async () => {
  await send("POST", `${IN}/serviceaccounts`, { metadata: { name: "default" } });
  await send("POST", `${IN}/pods`, { metadata: { name: "p" }, spec: { containers: [{ name: "c", image: "i" }] } });
  const objectSelector = { matchExpressions: [{ key: "quiet", operator: "DoesNotExist" }] };
  await policy("validating", {
    matchConstraints: { resourceRules: [{ ...rule([""], ["pods/exec"]), operations: ["CONNECT"] }], objectSelector },
    validations: [{ expression: "false" }],
  });
  await expect(send("POST", `${IN}/pods/p/exec`, {})).rejects.toThrow("does not have a host assigned");
});

const WIDGETS = "/apis/example.com/v1/namespaces/default/widgets";
const widgetDefinition = {
  metadata: { name: "widgets.example.com" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { plural: "widgets", kind: "Widget" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
        subresources: { scale: { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" } },
      },
    ],
  },
};

test.each([
  ["apps", "deployments", DEPLOYMENTS, deployment("d", 1)],
  [
    "example.com",
    "widgets",
    WIDGETS,
    { apiVersion: "example.com/v1", kind: "Widget", metadata: { name: "d" }, spec: { replicas: 1 } },
  ],
])("the scale of %s/%s is admitted as a Scale, which policies may change", async (group, resource, path, object) => {
  await send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", widgetDefinition);
  await cluster.clock.advance(1000);
  await send("POST", path, object);
  const onScale = { resourceRules: [rule([group], [`${resource}/scale`])] };
  const isScale = (name: string) => `${name}.kind == 'Scale' && !has(${name}.spec.selector)`;
  await policy("validating", {
    matchConstraints: onScale,
    validations: [
      { expression: `request.kind.group == 'autoscaling' && ${isScale("object")} && ${isScale("oldObject")}` },
      { expression: "object.spec.replicas != oldObject.spec.replicas" },
      { expression: "object.spec.replicas != 3", message: "not three" },
    ],
  });
  const expression = "Object{spec: Object.spec{replicas: object.spec.replicas + 1}}";
  const mutations = [{ patchType: "ApplyConfiguration", applyConfiguration: { expression } }];
  const spec = { matchConstraints: onScale, failurePolicy: "Fail", reinvocationPolicy: "Never", mutations };
  await policy("mutating", spec);
  const to = (replicas: number) =>
    send("PUT", `${path}/d/scale`, { metadata: { name: "d", namespace: "default" }, spec: { replicas } });
  await expect(to(2)).rejects.toThrow("not three");
  await expect(to(4)).resolves.toMatchObject({ kind: "Scale", spec: { replicas: 5 } });
  await expect(cluster.client.raw("GET", `${path}/d`)).resolves.toMatchObject({ spec: { replicas: 5 } });
});

describe("a mutating policy", () => {
  const mutating = (...mutations: readonly object[]) => ({
    matchConstraints: onDeployments,
    reinvocationPolicy: "Never",
    failurePolicy: "Fail",
    mutations,
  });

  test("applies the configuration that it makes", async () => {
    const expression =
      "Object{metadata: Object.metadata{annotations: {'by': 'policy'}}, spec: Object.spec{replicas: 1337, template: " +
      "Object.spec.template{spec: Object.spec.template.spec{containers: [Object.spec.template.spec.containers.item{name: 'side', image: 's'}]}}}}";
    await policy("mutating", mutating({ patchType: "ApplyConfiguration", applyConfiguration: { expression } }));
    const made = await send("POST", DEPLOYMENTS, deployment("d", 1, { keep: "me" }));
    const spec = made["spec"] as { replicas: number; template: { spec: { containers: { name: string }[] } } };
    expect(spec.replicas).toBe(1337);
    expect(spec.template.spec.containers.map(({ name }) => name).sort()).toEqual(["c", "side"]);
    expect(made.metadata).toMatchObject({ labels: { keep: "me" }, annotations: { by: "policy" } });
  });

  test("patches, and each mutation sees the one before", async () => {
    const first = "[JSONPatch{op: 'add', path: '/metadata/labels', value: {'a': '1'}}]";
    const second =
      "has(object.metadata.labels.a) ? [JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('x/b'), value: object.metadata.labels.a}] : []";
    await policy(
      "mutating",
      mutating(
        { patchType: "JSONPatch", jsonPatch: { expression: first } },
        { patchType: "JSONPatch", jsonPatch: { expression: second } },
      ),
    );
    expect((await send("POST", DEPLOYMENTS, deployment("d", 1))).metadata?.labels).toEqual({ a: "1", "x/b": "1" });
  });

  test("that fails denies, unless failures are to be ignored: then it does what it can", async () => {
    const failing = {
      patchType: "JSONPatch",
      jsonPatch: { expression: "[JSONPatch{op: 'remove', path: '/spec/none'}]" },
    };
    const expression = "[JSONPatch{op: 'add', path: '/metadata/labels', value: {'a': '1'}}]";
    const spec = mutating(failing, { patchType: "JSONPatch", jsonPatch: { expression } }, failing);
    await policy("mutating", spec);
    const refused = (await send("POST", DEPLOYMENTS, deployment("d", 1)).catch((error: unknown) => error)) as ApiError;
    expect([refused.httpCode, refused.reason, refused.status.details?.causes?.length]).toEqual([403, "Invalid", 2]);
    expect(refused.message).toMatch(/^policy 'p' with binding 'b' denied request: JSON Patch:/);
    const live = (await cluster.client.raw("GET", `${GROUP}/mutatingadmissionpolicies/p`)) as Unstructured;
    const lenient = { ...live, spec: { ...(live["spec"] as object), failurePolicy: "Ignore" } };
    await send("PUT", `${GROUP}/mutatingadmissionpolicies/p`, lenient);
    expect((await send("POST", DEPLOYMENTS, deployment("d", 1))).metadata?.labels).toEqual({ a: "1" });
  });

  test("of bindings decides where a pod goes", async () => {
    await send("POST", `${IN}/serviceaccounts`, { metadata: { name: "default" } });
    await send("POST", `${IN}/pods`, { metadata: { name: "p" }, spec: { containers: [{ name: "c", image: "i" }] } });
    const expression = "[JSONPatch{op: 'replace', path: '/target/name', value: 'other'}]";
    await policy("mutating", {
      ...mutating({ patchType: "JSONPatch", jsonPatch: { expression } }),
      matchConstraints: { resourceRules: [rule([""], ["pods/binding"])] },
    });
    await send("POST", `${IN}/pods/p/binding`, binding("p"));
    expect(await cluster.client.raw("GET", `${IN}/pods/p`)).toMatchObject({ spec: { nodeName: "other" } });
  });

  test.each([
    ["another namespace", "{op: 'add', path: '/metadata/namespace', value: 'other'}", 400],
    ["another kind", "{op: 'add', path: '/kind', value: 'StatefulSet'}", 500],
  ])("does not give an object %s", async (_what, operation, code) => {
    await policy(
      "mutating",
      mutating({ patchType: "JSONPatch", jsonPatch: { expression: `[JSONPatch${operation}]` } }),
    );
    await expect(send("POST", DEPLOYMENTS, deployment("d", 1))).rejects.toMatchObject({ httpCode: code });
    expect(await cluster.client.raw("GET", "/apis/apps/v1/deployments")).toMatchObject({ items: [] });
  });

  test("cannot take an object out of its namespace", async () => {
    const expression = "[JSONPatch{op: 'remove', path: '/metadata/namespace'}]";
    await policy("mutating", mutating({ patchType: "JSONPatch", jsonPatch: { expression } }));
    expect((await send("POST", DEPLOYMENTS, deployment("d", 1))).metadata?.namespace).toBe("default");
  });

  test("makes objects that are validated like any other", async () => {
    const applyConfiguration = { expression: "Object{spec: Object.spec{replicas: -1}}" };
    await policy("mutating", mutating({ patchType: "ApplyConfiguration", applyConfiguration }));
    await expect(send("POST", DEPLOYMENTS, deployment("d", 1))).rejects.toThrow("spec.replicas: Invalid value: -1");
  });
});

test("match conditions of webhooks decide before anybody is asked", async () => {
  const webhook = {
    name: "a.example.com",
    clientConfig: { url: "https://127.0.0.1:1/" },
    rules: [rule([""], ["configmaps"])],
    sideEffects: "None",
    admissionReviewVersions: ["v1"],
    matchConditions: [
      { name: "skip", expression: "!(request.userInfo.username == 'admin' && object.metadata.name == 'skip-me')" },
    ],
  };
  await send("POST", `${GROUP}/mutatingwebhookconfigurations`, { metadata: { name: "a" }, webhooks: [webhook] });
  await expect(configMap({}, "skip-me")).resolves.toBeDefined();
  await expect(configMap({}, "other")).rejects.toThrow('failed calling webhook "a.example.com"');
  const bad = { ...webhook, matchConditions: [{ name: "bad", expression: "... [] bad expression" }] };
  await expect(
    send("POST", `${GROUP}/validatingwebhookconfigurations`, { metadata: { name: "b" }, webhooks: [bad] }),
  ).rejects.toThrow("compilation failed");
});

test.each([
  [1, "failed calling webhook"],
  [4, "no further validation rules will be run"],
])("%i match conditions that cost much each: %s", async (many, message) => {
  const webhook = {
    name: "a.example.com",
    clientConfig: { url: "https://127.0.0.1:1/" },
    rules: [rule([""], ["configmaps"])],
    sideEffects: "None",
    admissionReviewVersions: ["v1"],
    matchConditions: Array.from({ length: many }, (_, index) => ({ name: `c${index}`, expression: COSTLY })),
  };
  await send("POST", `${GROUP}/mutatingwebhookconfigurations`, { metadata: { name: "a" }, webhooks: [webhook] });
  await expect(configMap(keysOf(380), "costly")).rejects.toThrow(message);
});
