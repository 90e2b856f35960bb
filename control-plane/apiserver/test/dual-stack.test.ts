import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Answer, isPeer, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

// held against kube-apiserver it must have been started with the same networks
// addresses that are asked for are of the lower part of a range, from where none is given by itself (KEP-3070): 10.0.0.1 to .15
const NETWORKS = "10.0.0.0/24,fd00::/112";
const SERVICES = "/api/v1/namespaces/dual/services";
const RANGES = "/apis/networking.k8s.io/v1/servicecidrs";
const ADDRESSES = "/apis/networking.k8s.io/v1/ipaddresses";

let server: WireServer;
let admin: WireClient;
beforeAll(async () => {
  server = await startWireServer({ serviceCidr: NETWORKS });
  admin = server.admin;
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "dual" } });
});
afterAll(() => server.close());

interface Spec {
  readonly type?: string;
  readonly clusterIP?: string;
  readonly clusterIPs?: readonly string[];
  readonly ipFamilies?: readonly string[];
  readonly ipFamilyPolicy?: string;
  readonly [name: string]: unknown;
}

let name = "";
let turn = 0;
beforeEach(() => {
  turn += 1;
  name = `s${turn}`;
});

const create = (spec: Spec, query = ""): Promise<Answer> =>
  admin.send("POST", SERVICES + query, {
    metadata: { name },
    spec: { ports: [{ port: 80 }], selector: { a: "b" }, ...spec },
  });
const update = async (change: (spec: Spec) => Spec): Promise<Answer> => {
  const { object } = await admin.get(`${SERVICES}/${name}`);
  return admin.send("PUT", `${SERVICES}/${name}`, { ...object, spec: change(object["spec"] as Spec) });
};

const familyOf = (address: string): string => (address === "None" ? address : address.includes(":") ? "IPv6" : "IPv4");
/** Policy, families, and the families of its addresses. */
function stack({ code, object, body }: Answer): readonly unknown[] {
  if (code >= 300) return [code, body.toString()];
  const { ipFamilyPolicy, ipFamilies, clusterIPs, clusterIP } = object["spec"] as Spec;
  expect(clusterIP).toBe(clusterIPs?.[0]);
  return [ipFamilyPolicy, ipFamilies, clusterIPs?.map(familyOf)];
}
const specOf = ({ object }: Answer): Spec => object["spec"] as Spec;
const refusal = ({ code, object }: Answer): readonly unknown[] =>
  code < 300
    ? [code, object["spec"]]
    : [code, ...(object.details?.causes?.map(({ field, message }) => `${field}: ${message}`) ?? [object.message])];

const [FOUR, SIX] = [["IPv4"], ["IPv6"]];
const [FOUR_SIX, SIX_FOUR] = [
  ["IPv4", "IPv6"],
  ["IPv6", "IPv4"],
];
const HEADLESS = ["None"];

describe("a new Service", () => {
  test.each<readonly [string, Spec, readonly unknown[]]>([
    ["nothing", {}, ["SingleStack", FOUR, FOUR]],
    ["one family preferred", { ipFamilies: ["IPv6"] }, ["SingleStack", SIX, SIX]],
    ["single stack", { ipFamilyPolicy: "SingleStack" }, ["SingleStack", FOUR, FOUR]],
    ["both if there are", { ipFamilyPolicy: "PreferDualStack" }, ["PreferDualStack", FOUR_SIX, FOUR_SIX]],
    ["both", { ipFamilyPolicy: "RequireDualStack" }, ["RequireDualStack", FOUR_SIX, FOUR_SIX]],
    [
      "both, IPv6 first",
      { ipFamilyPolicy: "RequireDualStack", ipFamilies: SIX },
      ["RequireDualStack", SIX_FOUR, SIX_FOUR],
    ],
    [
      "preferred, IPv6 first",
      { ipFamilyPolicy: "PreferDualStack", ipFamilies: SIX_FOUR },
      ["PreferDualStack", SIX_FOUR, SIX_FOUR],
    ],
    ["balanced", { type: "LoadBalancer", ipFamilyPolicy: "PreferDualStack" }, ["PreferDualStack", FOUR_SIX, FOUR_SIX]],
    ["an IPv6 address", { clusterIP: "fd00::77" }, ["SingleStack", SIX, SIX]],
    [
      "an IPv6 address and both",
      { clusterIP: "fd00::78", ipFamilyPolicy: "PreferDualStack" },
      ["PreferDualStack", SIX_FOUR, SIX_FOUR],
    ],
    [
      "two addresses",
      { clusterIP: "fd00::79", clusterIPs: ["fd00::79", "10.0.0.9"], ipFamilyPolicy: "RequireDualStack" },
      ["RequireDualStack", SIX_FOUR, SIX_FOUR],
    ],
    ["headless", { clusterIP: "None" }, ["SingleStack", FOUR, HEADLESS]],
    [
      "headless of both",
      { clusterIP: "None", ipFamilyPolicy: "PreferDualStack" },
      ["PreferDualStack", FOUR_SIX, HEADLESS],
    ],
    ["headless of IPv6", { clusterIP: "None", ipFamilies: SIX }, ["SingleStack", SIX, HEADLESS]],
    ["headless without selector", { clusterIP: "None", selector: null }, ["RequireDualStack", FOUR_SIX, HEADLESS]],
    [
      "headless without selector of IPv6",
      { clusterIP: "None", selector: null, ipFamilies: SIX },
      ["RequireDualStack", SIX_FOUR, HEADLESS],
    ],
    [
      "headless without selector of one",
      { clusterIP: "None", selector: null, ipFamilyPolicy: "SingleStack" },
      ["SingleStack", FOUR, HEADLESS],
    ],
    [
      "a name elsewhere",
      { type: "ExternalName", externalName: "a.example.com", ports: null },
      [undefined, undefined, undefined],
    ],
  ])("that asks for %s gets the families it should", async (_what, spec, expected) => {
    expect(stack(await create(spec))).toEqual(expected);
  });

  test.each<readonly [string, Spec, readonly unknown[]]>([
    [
      "two families of one",
      { ipFamilyPolicy: "SingleStack", ipFamilies: FOUR_SIX },
      [
        "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
      ],
    ],
    [
      "two families",
      { ipFamilies: FOUR_SIX },
      [
        "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
      ],
    ],
    [
      "two addresses",
      { clusterIP: "10.0.0.10", clusterIPs: ["10.0.0.10", "fd00::70"] },
      [
        "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified",
      ],
    ],
    [
      "two addresses of one family",
      { ipFamilyPolicy: "RequireDualStack", clusterIP: "10.0.0.10", clusterIPs: ["10.0.0.10", "10.0.0.11"] },
      ['spec.clusterIPs: Invalid value: ["10.0.0.10","10.0.0.11"]: may specify no more than one IP for each IP family'],
    ],
    [
      "an address of another family",
      { ipFamilies: SIX, clusterIP: "10.0.0.10" },
      ['spec.clusterIPs[0]: Invalid value: "10.0.0.10": expected an IPv6 value as indicated by `ipFamilies[0]`'],
    ],
    [
      "a family twice",
      { ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv6", "IPv6"] },
      ['spec.ipFamilies[1]: Duplicate value: "IPv6"'],
    ],
    [
      "an unknown family",
      { ipFamilies: ["IPv5"] },
      ['spec.ipFamilies[0]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"'],
    ],
    [
      "an unknown policy",
      { ipFamilyPolicy: "Both" },
      [
        'spec.ipFamilyPolicy: Unsupported value: "Both": supported values: "PreferDualStack", "RequireDualStack", "SingleStack"',
      ],
    ],
    [
      "an address elsewhere",
      { clusterIP: "fd01::1" },
      [
        'spec.clusterIPs: Invalid value: ["fd01::1"]: failed to allocate IP fd01::1: the provided network does not match the current range',
      ],
    ],
    [
      "a second address elsewhere",
      { ipFamilyPolicy: "RequireDualStack", clusterIP: "10.0.0.10", clusterIPs: ["10.0.0.10", "fd01::1"] },
      [
        'spec.clusterIPs: Invalid value: ["10.0.0.10","fd01::1"]: failed to allocate IP fd01::1: the provided network does not match the current range',
      ],
    ],
    [
      "the network's own address",
      { clusterIP: "fd00::" },
      [
        'spec.clusterIPs: Invalid value: ["fd00::"]: failed to allocate IP fd00::: the provided network does not match the current range',
      ],
    ],
    [
      "three addresses",
      {
        ipFamilyPolicy: "RequireDualStack",
        clusterIP: "10.0.0.10",
        clusterIPs: ["10.0.0.10", "fd00::70", "10.0.0.11"],
      },
      ['spec.clusterIPs: Invalid value: ["10.0.0.10","fd00::70","10.0.0.11"]: may only hold up to 2 values'],
    ],
    [
      "addresses in the other order than families",
      {
        ipFamilyPolicy: "RequireDualStack",
        ipFamilies: SIX_FOUR,
        clusterIP: "10.0.0.10",
        clusterIPs: ["10.0.0.10", "fd00::70"],
      },
      [
        'spec.clusterIPs[0]: Invalid value: "10.0.0.10": expected an IPv6 value as indicated by `ipFamilies[0]`',
        'spec.clusterIPs[1]: Invalid value: "fd00::70": expected an IPv4 value as indicated by `ipFamilies[1]`',
      ],
    ],
    [
      "no address and one",
      { ipFamilyPolicy: "RequireDualStack", clusterIP: "None", clusterIPs: ["None", "fd00::70"] },
      ['spec.clusterIPs: Invalid value: ["None","fd00::70"]: \'None\' must be the first and only value'],
    ],
    [
      "an IPv4 address in IPv6",
      { clusterIP: "::ffff:10.0.0.10" },
      ['spec.clusterIPs[0]: Invalid value: "::ffff:10.0.0.10": must not be an IPv4-mapped IPv6 address'],
    ],
    [
      "families of a name elsewhere",
      {
        type: "ExternalName",
        externalName: "a.example.com",
        ports: null,
        ipFamilies: FOUR,
        ipFamilyPolicy: "SingleStack",
      },
      [
        "spec.ipFamilies: Forbidden: may not be set for ExternalName services",
        "spec.ipFamilyPolicy: Forbidden: may not be set for ExternalName services",
      ],
    ],
  ])("that asks for %s is told what is wrong", async (_what, spec, expected) => {
    expect(refusal(await create(spec))).toEqual([422, ...expected]);
  });
});

const wide = (spec: Spec): Spec => ({ ...spec, ipFamilyPolicy: "PreferDualStack" });
const narrow = (spec: Spec): Spec => ({ ...spec, ipFamilyPolicy: "SingleStack" });

describe("a Service that is changed", () => {
  test.each(["PreferDualStack", "RequireDualStack"])(
    "gets a second address by %s, and loses it as a single stack",
    async (ipFamilyPolicy) => {
      const first = specOf(await create({})).clusterIP!;
      const both = await update((spec) => ({ ...spec, ipFamilyPolicy }));
      expect(stack(both)).toEqual([ipFamilyPolicy, FOUR_SIX, FOUR_SIX]);
      const second = specOf(both).clusterIPs![1]!;
      const parentRef = { resource: "services", namespace: "dual", name };
      // kube-apiserver often loses it: it gives back what an update was given that it tries again
      if (!isPeer) expect((await admin.get(`${ADDRESSES}/${second}`)).object["spec"]).toEqual({ parentRef });
      const one = await update(narrow);
      expect([stack(one), specOf(one).clusterIP]).toEqual([["SingleStack", FOUR, FOUR], first]);
      await expect.poll(async () => (await admin.get(`${ADDRESSES}/${second}`)).code).toBe(404);
    },
  );

  test.each<readonly [string, Spec, (spec: Spec) => Spec, readonly unknown[]]>([
    [
      "chooses its second address",
      {},
      (spec) => ({ ...wide(spec), clusterIPs: [spec.clusterIP!, "fd00::80"] }),
      ["PreferDualStack", FOUR_SIX, FOUR_SIX],
    ],
    [
      "chooses its second family",
      {},
      (spec) => ({ ...wide(spec), ipFamilies: FOUR_SIX }),
      ["PreferDualStack", FOUR_SIX, FOUR_SIX],
    ],
    [
      "names a second address without policy",
      {},
      (spec) => ({ ...spec, clusterIPs: [spec.clusterIP!, "fd00::81"] }),
      [
        "422",
        "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified",
      ],
    ],
    [
      "names a second family without policy",
      {},
      (spec) => ({ ...spec, ipFamilies: FOUR_SIX }),
      [
        "422",
        "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
      ],
    ],
    [
      "chooses a second address elsewhere",
      {},
      (spec) => ({ ...wide(spec), clusterIPs: [spec.clusterIP!, "fd01::1"] }),
      [
        "422",
        'spec.clusterIPs: Invalid value: ["FIRST","fd01::1"]: failed to allocate IP fd01::1: the provided network does not match the current range',
      ],
    ],
    [
      "chooses a second address of its family",
      {},
      (spec) => ({ ...wide(spec), clusterIPs: [spec.clusterIP!, "10.0.0.12"] }),
      [
        "422",
        'spec.clusterIPs: Invalid value: ["FIRST","10.0.0.12"]: may specify no more than one IP for each IP family',
      ],
    ],
    [
      "swaps its families",
      { ipFamilyPolicy: "RequireDualStack" },
      (spec) => ({ ...spec, ipFamilies: SIX_FOUR }),
      [
        "422",
        'spec.clusterIPs[0]: Invalid value: "FIRST": expected an IPv6 value as indicated by `ipFamilies[0]`',
        'spec.clusterIPs[1]: Invalid value: "SECOND": expected an IPv4 value as indicated by `ipFamilies[1]`',
      ],
    ],
    [
      "swaps families and addresses",
      { ipFamilyPolicy: "RequireDualStack" },
      (spec) => ({
        ...spec,
        ipFamilies: SIX_FOUR,
        clusterIPs: [...spec.clusterIPs!].reverse(),
        clusterIP: spec.clusterIPs![1]!,
      }),
      [
        "422",
        'spec.clusterIPs[0]: Invalid value: ["SECOND","FIRST"]: may not change once set',
        'spec.clusterIPs[1]: Invalid value: ["SECOND","FIRST"]: may not change once set',
        'spec.ipFamilies[0]: Invalid value: ["IPv6","IPv4"]: may not change once set',
      ],
    ],
    [
      "takes another family",
      {},
      (spec) => ({ ...spec, ipFamilies: SIX }),
      ["422", 'spec.clusterIPs[0]: Invalid value: "FIRST": expected an IPv6 value as indicated by `ipFamilies[0]`'],
    ],
    [
      "changes its first address",
      {},
      (spec) => ({ ...spec, clusterIP: "10.0.0.13" }),
      ["422", 'spec.clusterIPs[0]: Invalid value: ["10.0.0.13"]: may not change once set'],
    ],
    [
      "changes its second address",
      { ipFamilyPolicy: "RequireDualStack" },
      (spec) => ({ ...spec, clusterIPs: [spec.clusterIP!, "fd00::83"] }),
      ["422", 'spec.clusterIPs[1]: Invalid value: ["FIRST","fd00::83"]: may not change once set'],
    ],
    [
      "drops its second address without policy",
      { ipFamilyPolicy: "RequireDualStack" },
      (spec) => ({ ...spec, clusterIPs: [spec.clusterIP!] }),
      [
        "422",
        "spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": must be 'SingleStack' to release the secondary cluster IP",
      ],
    ],
    [
      "drops its second family without policy",
      { ipFamilyPolicy: "PreferDualStack" },
      (spec) => ({ ...spec, ipFamilies: FOUR }),
      [
        "422",
        "spec.ipFamilyPolicy: Invalid value: \"PreferDualStack\": must be 'SingleStack' to release the secondary IP family",
      ],
    ],
    [
      "drops both seconds without policy",
      { ipFamilyPolicy: "PreferDualStack" },
      (spec) => ({ ...spec, ipFamilies: FOUR, clusterIPs: [spec.clusterIP!] }),
      [
        "422",
        "spec.ipFamilyPolicy: Invalid value: \"PreferDualStack\": must be 'SingleStack' to release the secondary cluster IP",
        "spec.ipFamilyPolicy: Invalid value: \"PreferDualStack\": must be 'SingleStack' to release the secondary IP family",
      ],
    ],
    [
      "drops both seconds",
      { ipFamilyPolicy: "PreferDualStack" },
      (spec) => ({ ...narrow(spec), ipFamilies: FOUR, clusterIPs: [spec.clusterIP!] }),
      ["SingleStack", FOUR, FOUR],
    ],
    [
      "drops a second address alone",
      { ipFamilyPolicy: "PreferDualStack" },
      (spec) => ({ ...narrow(spec), clusterIPs: [spec.clusterIP!] }),
      ["SingleStack", FOUR, FOUR],
    ],
    [
      "keeps the second address",
      { ipFamilyPolicy: "PreferDualStack" },
      (spec) => ({ ...narrow(spec), clusterIPs: [spec.clusterIP!], ipFamilies: FOUR_SIX }),
      ["SingleStack", FOUR, FOUR],
    ],
    ["prefers what it required", { ipFamilyPolicy: "RequireDualStack" }, wide, ["PreferDualStack", FOUR_SIX, FOUR_SIX]],
    [
      "says nothing of families",
      { ipFamilyPolicy: "RequireDualStack" },
      ({ ipFamilies: _f, ipFamilyPolicy: _p, clusterIPs: _i, clusterIP: _c, ...spec }) => spec,
      ["RequireDualStack", FOUR_SIX, FOUR_SIX],
    ],
    [
      "says nothing of addresses",
      { ipFamilyPolicy: "RequireDualStack" },
      ({ clusterIPs: _i, clusterIP: _c, ...spec }) => spec,
      ["RequireDualStack", FOUR_SIX, FOUR_SIX],
    ],
    ["is headless and wants both", { clusterIP: "None" }, wide, ["PreferDualStack", FOUR_SIX, HEADLESS]],
    [
      "is headless of both and wants one",
      { clusterIP: "None", ipFamilyPolicy: "RequireDualStack" },
      narrow,
      ["SingleStack", FOUR, HEADLESS],
    ],
    [
      "is headless and takes the other family",
      { clusterIP: "None" },
      (spec) => ({ ...spec, ipFamilies: SIX }),
      ["SingleStack", SIX, HEADLESS],
    ],
    [
      "becomes a name elsewhere",
      { ipFamilyPolicy: "RequireDualStack" },
      (spec) => ({ ...spec, type: "ExternalName", externalName: "a.example.com" }),
      [undefined, undefined, undefined],
    ],
    [
      "becomes a name elsewhere, with addresses gone",
      { ipFamilyPolicy: "RequireDualStack" },
      ({ ports: _p, clusterIP: _c, clusterIPs: _i, ipFamilies: _f, ipFamilyPolicy: _y, ...spec }) => ({
        ...spec,
        type: "ExternalName",
        externalName: "a.example.com",
      }),
      [undefined, undefined, undefined],
    ],
    [
      "was a name elsewhere",
      { type: "ExternalName", externalName: "a.example.com", ports: null, selector: null },
      ({ externalName: _n, ...spec }) => ({
        ...spec,
        type: "ClusterIP",
        ports: [{ port: 80 }],
        ipFamilyPolicy: "RequireDualStack",
        ipFamilies: SIX_FOUR,
      }),
      ["RequireDualStack", SIX_FOUR, SIX_FOUR],
    ],
    [
      "was a name elsewhere and says nothing",
      { type: "ExternalName", externalName: "a.example.com", ports: null, selector: null },
      ({ externalName: _n, ...spec }) => ({ ...spec, type: "ClusterIP", ports: [{ port: 80 }] }),
      ["SingleStack", FOUR, FOUR],
    ],
    [
      "becomes headless",
      { ipFamilyPolicy: "RequireDualStack" },
      (spec) => ({ ...spec, clusterIP: "None", clusterIPs: HEADLESS }),
      [
        "422",
        "spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": must be 'SingleStack' to release the secondary cluster IP",
      ],
    ],
  ])("and %s", async (_what, spec, change, expected) => {
    const made = specOf(await create(spec));
    const answer = await update(change);
    const shown =
      answer.code < 300
        ? stack(answer)
        : refusal(answer).map((line) =>
            String(line)
              .replaceAll(made.clusterIPs?.[0] ?? "?", "FIRST")
              .replaceAll(made.clusterIPs?.[1] ?? "?", "SECOND"),
          );
    expect(shown).toEqual(expected);
  });
});

describe("networks and addresses", () => {
  test("the networks of the cluster stand in its ServiceCIDR, its own Service is of the first alone", async () => {
    const { object } = await admin.get(`${RANGES}/kubernetes`);
    expect(object["spec"]).toEqual({ cidrs: ["10.0.0.0/24", "fd00::/112"] });
    const own = await admin.get("/api/v1/namespaces/default/services/kubernetes");
    expect([stack(own), specOf(own).clusterIPs]).toEqual([["SingleStack", FOUR, FOUR], ["10.0.0.1"]]);
  });

  test("each address is an object of its family that names its Service, in the form that all write", async () => {
    const made = await create({ ipFamilyPolicy: "RequireDualStack", clusterIP: "FD00:0::AB" });
    expect([specOf(made).clusterIP, String(made.headers["warning"])]).toEqual([
      "FD00:0::AB",
      expect.stringContaining("should be in RFC 5952"),
    ]);
    const { object } = await admin.get(`${ADDRESSES}/fd00::ab`);
    expect(object.metadata?.labels).toEqual({
      "ipaddress.kubernetes.io/ip-family": "IPv6",
      "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
    });
    const again = await admin.send("POST", SERVICES, {
      metadata: { name: `${name}-2` },
      spec: { ports: [{ port: 80 }], clusterIP: "fd00::ab" },
    });
    expect(refusal(again)).toEqual([
      422,
      'spec.clusterIPs: Invalid value: ["fd00::ab"]: failed to allocate IP fd00::ab: provided IP is already allocated',
    ]);
    await admin.send("DELETE", `${SERVICES}/${name}`);
    await expect.poll(async () => (await admin.get(`${ADDRESSES}/fd00::ab`)).code).toBe(404);
  });

  test("what a dry run shows is taken by nobody", async () => {
    const made = await admin.send("POST", `${SERVICES}?dryRun=All`, {
      metadata: { name },
      spec: { ports: [{ port: 80 }], ipFamilyPolicy: "RequireDualStack", clusterIP: "fd00::90" },
    });
    expect(stack(made)).toEqual(["RequireDualStack", SIX_FOUR, SIX_FOUR]);
    expect((await admin.get(`${ADDRESSES}/fd00::90`)).code).toBe(404);
    expect((await create({ clusterIP: "fd00::90" })).code).toBe(201);
  });

  test.each([
    [
      "two of one family",
      ["fd02::/112", "fd03::/112"],
      'spec.cidrs: Invalid value: ["fd02::/112","fd03::/112"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
    ],
    [
      "three",
      ["10.9.0.0/24", "fd02::/112", "fd03::/112"],
      'spec.cidrs: Invalid value: {"CIDRs":["10.9.0.0/24","fd02::/112","fd03::/112"]}: may only hold up to 2 values',
    ],
    ["none", [], "spec.cidrs: Required value: at least one CIDR required"],
    [
      "one with host bits",
      ["fd02::1/112"],
      'spec.cidrs[0]: Invalid value: "fd02::1/112": must not have bits set beyond the prefix length',
    ],
    [
      "no network",
      ["fd02::"],
      'spec.cidrs[0]: Invalid value: "fd02::": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
    ],
    [
      "one in another form",
      ["FD02::/112"],
      'spec.cidrs[0]: Invalid value: "FD02::/112": must be in canonical form ("fd02::/112")',
    ],
  ])("a range of %s is refused", async (_what, cidrs, expected) => {
    const answer = await admin.send("POST", RANGES, { metadata: { name }, spec: { cidrs } });
    expect(refusal(answer)).toEqual([422, expected]);
  });

  test("a range of one family is widened once, and then stays", async () => {
    await admin.send("POST", RANGES, { metadata: { name }, spec: { cidrs: ["10.9.0.0/24"] } });
    const to = (...cidrs: readonly string[]) => admin.send("PATCH", `${RANGES}/${name}`, { spec: { cidrs } });
    const steps: readonly (readonly [cidrs: readonly string[], answer: readonly unknown[]])[] = [
      [
        ["10.9.0.0/24", "10.8.0.0/24"],
        [
          422,
          'spec.cidrs: Invalid value: ["10.9.0.0/24","10.8.0.0/24"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
        ],
      ],
      [
        ["fd02::/112", "10.9.0.0/24"],
        [422, 'spec.cidrs[0]: Invalid value: "fd02::/112": field is immutable'],
      ],
      [
        ["10.9.0.0/24", "fd02::/112"],
        [200, { cidrs: ["10.9.0.0/24", "fd02::/112"] }],
      ],
      [["10.9.0.0/24"], [422, 'spec.cidrs: Invalid value: ["10.9.0.0/24"]: field is immutable']],
      [
        ["10.9.0.0/24", "fd03::/112"],
        [422, 'spec.cidrs[1]: Invalid value: "fd03::/112": field is immutable'],
      ],
    ];
    for (const [cidrs, expected] of steps) expect(refusal(await to(...cidrs))).toEqual(expected);
    await admin.send("DELETE", `${RANGES}/${name}`);
  });

  test("a further range of IPv6 gives addresses unless it is said not to be ready", async () => {
    const conditions = (status: string) => [
      { type: "Ready", status, reason: "Test", message: "", lastTransitionTime: "2026-01-01T00:00:00Z" },
    ];
    const say = (status: string) =>
      admin.send("PATCH", `${RANGES}/${name}/status`, { status: { conditions: conditions(status) } });
    await admin.send("POST", RANGES, { metadata: { name }, spec: { cidrs: ["fd09::/124"] } });
    await say("False");
    await expect.poll(async () => (await create({ clusterIP: "fd09::5" }, "?dryRun=All")).code).toBe(422);
    await say("True");
    await expect.poll(async () => stack(await create({ clusterIP: "fd09::f" }))).toEqual(["SingleStack", SIX, SIX]);
    await admin.send("DELETE", `${RANGES}/${name}`);
  });
});
