import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type Answer, type Held, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const GROUP = "definitions.example.com";
const API = `/apis/${GROUP}`;
const WAIT = { timeout: 30_000, interval: 50 };
const FREE = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

let server: WireServer;
let admin: WireClient;
beforeAll(async () => {
  server = await startWireServer();
  admin = server.admin;
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "definitions" } });
});
afterAll(() => server.close());

/** Every definition goes with its test, so that names are free for the next. */
afterEach(async () => {
  for (const { metadata, spec } of await own()) {
    await admin.send("DELETE", `${DEFINITIONS}/${metadata?.name}`);
    expect(spec).toBeDefined();
  }
  await vi.waitFor(async () => expect(await own()).toEqual([]), WAIT);
});

async function own(): Promise<readonly Held[]> {
  const { object } = await admin.get(DEFINITIONS);
  return object.items!.filter(({ metadata }) => metadata?.name?.endsWith("example.com") === true);
}

const version = (name: string, more: object = {}): object => ({
  ...{ name, served: true, storage: false, schema: { openAPIV3Schema: FREE } },
  ...more,
});
const V1 = version("v1", { storage: true });

function definition(
  names: { readonly plural: string; readonly kind: string },
  versions: readonly object[] = [V1],
): Held {
  const metadata = { name: `${names.plural}.${GROUP}` };
  return { metadata, spec: { group: GROUP, scope: "Namespaced", names, versions } } as unknown as Held;
}

const make = (names: { readonly plural: string; readonly kind: string } & object): Promise<Answer> =>
  admin.send("POST", DEFINITIONS, definition(names));

interface Said {
  readonly acceptedNames: object;
  readonly storedVersions: readonly string[];
  readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string }[] | null;
}

async function statusOf(plural: string, group = GROUP): Promise<Said> {
  return (await admin.get(`${DEFINITIONS}/${plural}.${group}`)).object["status"] as Said;
}

/** Waits until the condition says so. */
async function toSay(plural: string, type: string, said: string, group = GROUP): Promise<Said> {
  await vi.waitFor(async () => {
    const { conditions } = await statusOf(plural, group);
    const found = conditions?.find((condition) => condition.type === type);
    expect(found && `${found.status} ${found.reason}`).toBe(said);
  }, WAIT);
  return statusOf(plural, group);
}

const patch = (plural: string, spec: object): Promise<Answer> =>
  admin.send("PATCH", `${DEFINITIONS}/${plural}.${GROUP}`, { spec });

const causes = ({ object }: Answer): readonly string[] =>
  object.details?.causes?.map(({ field, message }) => `${field}: ${message}`) ?? [];

const TAKEN: readonly (readonly [what: string, names: object, reason: string, accepted: object])[] = [
  ["a plural", { plural: "ab", kind: "Other" }, "PluralConflict", { plural: "", singular: "other", kind: "Other" }],
  ["a singular", { plural: "others", kind: "Other", singular: "a" }, "SingularConflict", { kind: "Other" }],
  ["a singular that is short elsewhere", { plural: "others", kind: "Ab" }, "SingularConflict", { kind: "Ab" }],
  [
    "a short name",
    { plural: "others", kind: "Other", shortNames: ["o", "as"] },
    "ShortNamesConflict",
    { kind: "Other" },
  ],
  ["a kind", { plural: "others", kind: "AList", singular: "other" }, "KindConflict", { kind: "", singular: "other" }],
  [
    "a list kind",
    { plural: "others", kind: "A", singular: "other" },
    "ListKindConflict",
    { kind: "", plural: "others" },
  ],
];

describe("the names of definitions of one group", () => {
  test.each(TAKEN)(
    "%s that another has is not accepted, and nothing is served",
    async (_what, names, reason, accepted) => {
      await make({ plural: "as", kind: "A", shortNames: ["ab"] } as never);
      await toSay("as", "Established", "True InitialNamesAccepted");
      const { plural } = names as { readonly plural: string };
      expect((await make(names as never)).code).toBe(201);
      const status = await toSay(plural, "NamesAccepted", `False ${reason}`);
      expect(status.conditions?.map(({ type }) => type)).toEqual(["NamesAccepted", "Established"]);
      expect(status.acceptedNames).toMatchObject(accepted);
      await toSay(plural, "Established", "False NotAccepted");
      expect((await admin.get(`${API}/v1/${plural}`)).code).toBe(404);
    },
  );

  test("are free again when their definition goes", async () => {
    await make({ plural: "as", kind: "A" });
    await toSay("as", "Established", "True InitialNamesAccepted");
    await make({ plural: "bs", kind: "B", singular: "a" } as never);
    await toSay("bs", "NamesAccepted", "False SingularConflict");
    await admin.send("DELETE", `${DEFINITIONS}/as.${GROUP}`);
    await toSay("bs", "Established", "True InitialNamesAccepted");
    await vi.waitFor(async () => expect((await admin.get(`${API}/v1/bs`)).code).toBe(200), WAIT);
  });

  test("of a definition that is established may be asked for in vain: what was accepted is served", async () => {
    await make({ plural: "as", kind: "A", shortNames: ["ax"] } as never);
    await toSay("as", "Established", "True InitialNamesAccepted");
    await make({ plural: "bs", kind: "B", shortNames: ["bx"] } as never);
    await toSay("bs", "Established", "True InitialNamesAccepted");
    expect((await patch("bs", { names: { shortNames: ["ax"] } })).code).toBe(200);
    const { acceptedNames } = await toSay("bs", "NamesAccepted", "False ShortNamesConflict");
    expect(acceptedNames).toMatchObject({ shortNames: ["bx"] });
    await vi.waitFor(async () => {
      const { resources } = (await admin.get(`${API}/v1`)).object as unknown as {
        resources: { shortNames: string[] }[];
      };
      expect(resources.map(({ shortNames }) => shortNames)).toContainEqual(["bx"]);
    }, WAIT);
    await patch("bs", { names: { shortNames: ["by"] } });
    expect((await toSay("bs", "NamesAccepted", "True NoConflicts")).acceptedNames).toMatchObject({
      shortNames: ["by"],
    });
  });

  test("a kind and its list cannot have one name", async () => {
    const answer = await make({ plural: "as", kind: "A", listKind: "A" } as never);
    expect(causes(answer)).toEqual(['spec.names.listKind: Invalid value: "A": kind and listKind may not be the same']);
  });

  test("kind and scope are fixed once they are established", async () => {
    await make({ plural: "as", kind: "A" });
    await toSay("as", "Established", "True InitialNamesAccepted");
    expect(causes(await patch("as", { names: { kind: "B" }, scope: "Cluster" }))).toEqual([
      'spec.scope: Invalid value: "Cluster": field is immutable',
      'spec.names.kind: Invalid value: "B": field is immutable',
    ]);
  });
});

describe("versions of a definition", () => {
  const versions = (...all: readonly object[]): Promise<Answer> => patch("as", { versions: all });
  const status = (said: object): Promise<Answer> =>
    admin.send("PATCH", `${DEFINITIONS}/as.${GROUP}/status`, { status: said });

  test("one that objects were stored in stays until its status says that there are none", async () => {
    await admin.define(definition({ plural: "as", kind: "A" }));
    await versions(version("v1"), version("v2", { storage: true }));
    expect((await statusOf("as")).storedVersions).toEqual(["v1", "v2"]);
    expect(causes(await versions(version("v2", { storage: true })))).toEqual([
      expect.stringMatching(
        /^status\.storedVersions\[0\]: Invalid value: "v1": missing from spec\.versions; v1 was previously/,
      ),
    ]);
    expect((await status({ storedVersions: [] })).object["status"]).toMatchObject({ storedVersions: ["v2"] });
    expect((await versions(version("v2", { storage: true }))).code).toBe(200);
    await vi.waitFor(async () => expect((await admin.get(`${API}/v1/as`)).code).toBe(404), WAIT);
  });

  test("the status endpoint writes metadata too, but never the spec", async () => {
    await admin.define(definition({ plural: "as", kind: "A" }));
    const body = { metadata: { labels: { a: "b" } }, spec: { scope: "Cluster" } };
    const { object } = await admin.send("PATCH", `${DEFINITIONS}/as.${GROUP}/status`, body);
    expect([object.metadata?.labels, object["spec"]]).toEqual([
      { a: "b" },
      expect.objectContaining({ scope: "Namespaced" }),
    ]);
  });

  test("that are deprecated warn those who use them, in their own words or with the newest that is not", async () => {
    const [old, older] = [{ deprecated: true }, { deprecated: true, deprecationWarning: "use v3, please" }];
    const all = [V1, version("v1beta1", old), version("v2", old), version("v3"), version("v1alpha1", older)];
    await admin.define(definition({ plural: "as", kind: "A" }, [...all, version("v4", old)]));
    const warning = async (name: string): Promise<unknown> => {
      const { headers } = await admin.get(`${API}/${name}/namespaces/definitions/as/none`);
      return headers["warning"];
    };
    expect(await warning("v1beta1")).toBe(`299 - "${GROUP}/v1beta1 A is deprecated; use ${GROUP}/v3 A"`);
    expect(await warning("v2")).toBe(`299 - "${GROUP}/v2 A is deprecated; use ${GROUP}/v3 A"`);
    expect(await warning("v4")).toBe(`299 - "${GROUP}/v4 A is deprecated"`);
    expect(await warning("v1alpha1")).toBe('299 - "use v3, please"');
    expect(await warning("v3")).toBeUndefined();
  });

  test("a warning is for versions that are deprecated, and for a header", async () => {
    const at = "spec.versions[0].deprecationWarning";
    const refused = async (more: object): Promise<readonly string[]> =>
      causes(
        await admin.send(
          "POST",
          DEFINITIONS,
          definition({ plural: "as", kind: "A" }, [version("v1", { storage: true, ...more })]),
        ),
      );
    expect(await refused({ deprecationWarning: "x" })).toEqual([
      `${at}: Invalid value: "x": can only be set for deprecated versions`,
    ]);
    expect(await refused({ deprecated: true, deprecationWarning: "" })).toEqual([
      `${at}: Invalid value: "": must not be an empty string`,
    ]);
    expect(await refused({ deprecated: true, deprecationWarning: "ä\n" })).toEqual([
      `${at}: Invalid value: "ä\\n": must only contain printable UTF-8 characters; non-printable character found at index 2`,
    ]);
    expect(await refused({ deprecated: true, deprecationWarning: "x".repeat(257) })).toEqual([
      expect.stringContaining("must be <= 256 characters long"),
    ]);
  });

  test("are in discovery by age, and only those that are served", async () => {
    const names = ["v1alpha1", "foo", "v10", "v2", "v2beta1", "v11"];
    const all = [V1, ...names.map((name) => version(name, { served: name !== "v11" }))];
    await admin.define(definition({ plural: "as", kind: "A" }, all));
    const { object } = await admin.get(API);
    const listed = object["versions"] as readonly { readonly version: string }[];
    expect(listed.map(({ version }) => version)).toEqual(["v10", "v2", "v1", "v2beta1", "v1alpha1", "foo"]);
  });
});

describe("a definition that is deleted", () => {
  test("says so at once, takes what it defined with it and lets nothing new in", async () => {
    await admin.define(definition({ plural: "as", kind: "A" }));
    const objects = `${API}/v1/namespaces/definitions/as`;
    const object = (name: string, more: object = {}): object => ({
      ...{ apiVersion: `${GROUP}/v1`, kind: "A", metadata: { name, ...more } },
    });
    const made = await admin.send("POST", objects, object("held", { finalizers: ["example.com/hold"] }));
    await admin.send("POST", objects, object("free"));
    const watch = await vi.waitFor(
      () => admin.watch(`${API}/v1/as?watch=1&resourceVersion=${made.object.metadata?.resourceVersion}`),
      WAIT,
    );
    const asked = await admin.send("DELETE", `${DEFINITIONS}/as.${GROUP}`);
    const pending = (asked.object["status"] as Said).conditions?.find(({ type }) => type === "Terminating");
    expect(pending).toMatchObject({ status: "True", reason: "InstanceDeletionPending" });
    await toSay("as", "Terminating", "True InstanceDeletionInProgress");
    await vi.waitFor(async () => expect((await admin.get(`${API}/v1/as`)).object.items).toHaveLength(1), WAIT);

    const refusal = { code: 403, object: { reason: "Forbidden" } };
    const why = `as.${GROUP} "late" is forbidden: create not allowed while custom resource definition is terminating`;
    const late = await admin.send("POST", objects, object("late"));
    expect(late).toMatchObject({ ...refusal, object: { message: why } });
    const apply = { "content-type": "application/apply-patch+yaml" };
    expect(await admin.send("PATCH", `${objects}/late?fieldManager=m`, object("late"), apply)).toMatchObject(refusal);
    const { resources } = (await admin.get(`${API}/v1`)).object as unknown as { resources: { verbs: string[] }[] };
    expect(resources[0]?.verbs).toEqual(["delete", "deletecollection", "get", "list", "watch"]);
    const again = await make({ plural: "as", kind: "A" });
    expect(again).toMatchObject({
      code: 409,
      object: { message: expect.stringMatching(/^object is being deleted: /) },
    });

    await admin.send("PATCH", `${objects}/held`, { metadata: { finalizers: null } });
    const events: string[] = [];
    for (let event = await watch.change(); event !== undefined; event = await watch.change())
      events.push(`${event.type} ${event.object.metadata?.name}`);
    expect(events).toEqual(
      ["ADDED free", "DELETED free", "MODIFIED held", "DELETED held"].filter((one) => events.includes(one)),
    );
    expect(events.at(-1)).toBe("DELETED held"); // and the watch has ended
    await vi.waitFor(async () => expect((await admin.get(API)).code).toBe(404), WAIT);
  });

  test("leaves alone what is built in and has its name", async () => {
    const names = { plural: "apiservices", kind: "APIService" };
    const group = "apiregistration.k8s.io";
    const annotations = { "api-approved.kubernetes.io": "https://example.com/1" };
    const spec = { group, scope: "Cluster", names, versions: [V1] };
    await admin.send("POST", DEFINITIONS, { metadata: { name: `apiservices.${group}`, annotations }, spec });
    await toSay("apiservices", "Established", "True InitialNamesAccepted", group);
    const { object } = await admin.get(`/apis/${group}/v1/apiservices/v1.apps`);
    expect(object["spec"]).toMatchObject({ group: "apps" }); // what is built in is served
    await admin.send("DELETE", `${DEFINITIONS}/apiservices.${group}`);
    await vi.waitFor(async () => expect((await admin.get(`${DEFINITIONS}/apiservices.${group}`)).code).toBe(404), WAIT);
    expect((await admin.get(`/apis/${group}/v1/apiservices/v1.apps`)).code).toBe(200);
  });
});

test("a definition is established once the authority of its conversion webhook is one, and keeps one", async () => {
  const converted = (caBundle: string): object => ({
    strategy: "Webhook",
    webhook: {
      clientConfig: {
        service: { namespace: "default", name: "w" },
        caBundle: Buffer.from(caBundle).toString("base64"),
      },
      conversionReviewVersions: ["v1"],
    },
  });
  const { metadata, spec } = definition({ plural: "as", kind: "A" });
  await admin.send("POST", DEFINITIONS, { metadata, spec: { ...(spec as object), conversion: converted("Cg==") } });
  await toSay("as", "Established", "False InvalidCABundle");
  await patch("as", { conversion: converted(server.ca) });
  await toSay("as", "Established", "True InitialNamesAccepted");
  const text = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
  const why = async (caBundle: string) => causes(await patch("as", { conversion: converted(caBundle) }));
  const at = "spec.conversion.webhookClientConfig.caBundle: Invalid value: ";
  expect(await why(" \n")).toEqual([
    `${at}"IAo=": unable to load root certificates: unable to parse bytes as PEM block`,
  ]);
  expect((await why(text))[0]).toMatch(/no valid certificate authority data seen$/);
  expect((await why(text.replaceAll("PUBLIC KEY", "CERTIFICATE")))[0]).toMatch(
    /unable to load root certificates: failed to parse certificate: x509: malformed certificate$/,
  );
});

describe("groups of the Kubernetes community", () => {
  const GROUPS: readonly (readonly [string, string, string])[] = [
    ["approved.k8s.io", "https://example.com/pull/1", "True ApprovedAnnotation"],
    ["trial.kubernetes.io", "unapproved, a trial", "False UnapprovedAnnotation"],
  ];
  test.each(GROUPS)("%s says what its annotation is worth", async (group, said, condition) => {
    const annotations = { "api-approved.kubernetes.io": said };
    const names = { plural: "as", kind: "A" };
    const spec = { group, scope: "Namespaced", names, versions: [V1] };
    await admin.send("POST", DEFINITIONS, { metadata: { name: `as.${group}`, annotations }, spec });
    await toSay("as", "KubernetesAPIApprovalPolicyConformant", condition, group);
    await admin.send("DELETE", `${DEFINITIONS}/as.${group}`);
  });
});

test("a watch ends when the definition of what it watches changes, so that its client looks again", async () => {
  await admin.define(definition({ plural: "as", kind: "A" }));
  const watch = await vi.waitFor(() => admin.watch(`${API}/v1/as?watch=1`), WAIT);
  await patch("as", { versions: [V1, version("v2")] });
  await expect(watch.change()).resolves.toBeUndefined();
});

test("an APIService stands for each version that is served, whatever is done to it", async () => {
  const SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices";
  const service = (name: string): Promise<Answer> => admin.get(`${SERVICES}/${name}.${GROUP}`);
  const toBe = (name: string, code: number) =>
    vi.waitFor(async () => expect((await service(name)).code).toBe(code), WAIT);
  const versions = (second: boolean): readonly object[] => [V1, version("v2", { served: second })];
  await admin.send("POST", DEFINITIONS, definition({ plural: "as", kind: "A" }, versions(false)));
  await toBe("v1", 200);
  const { metadata, spec, ...made } = (await service("v1")).object;
  expect(metadata?.labels).toEqual({ "kube-aggregator.kubernetes.io/automanaged": "true" });
  expect(spec).toEqual({ group: GROUP, version: "v1", groupPriorityMinimum: 1000, versionPriority: 100 });
  expect(made["status"]).toMatchObject({ conditions: [{ type: "Available", status: "True", reason: "Local" }] });
  await toBe("v2", 404);

  await admin.send("PATCH", `${SERVICES}/v1.${GROUP}`, { spec: { groupPriorityMinimum: 5 } });
  await vi.waitFor(async () => expect((await service("v1")).object["spec"]).toEqual(spec), WAIT);
  await admin.send("DELETE", `${SERVICES}/v1.${GROUP}`);
  await vi.waitFor(async () => {
    const { code, object } = await service("v1");
    expect(code).toBe(200);
    expect(object.metadata?.uid).not.toBe(metadata?.uid);
  }, WAIT);
  await patch("as", { versions: versions(true) });
  await toBe("v2", 200);
  await admin.send("DELETE", `${DEFINITIONS}/as.${GROUP}`);
  await toBe("v1", 404);
  await toBe("v2", 404);
});
