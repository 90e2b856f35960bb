import { ApiError } from "@tsukube/api";
import type { Service, ServiceSpec } from "@tsukube/api/types/core-v1";
import type { IpFamily } from "@tsukube/foundation/ip-network";
import { expect, test } from "vitest";
import { withFamilies } from "./service-families.ts";

const service = (spec: ServiceSpec): Service => ({ metadata: { name: "s" }, spec: { type: "ClusterIP", ...spec } });

/** Policy and families that a Service gets, or what is wrong with what it asks for. */
function familiesIn(known: readonly IpFamily[], spec: ServiceSpec, old?: ServiceSpec): readonly unknown[] {
  try {
    const before = old === undefined ? undefined : service(old);
    const { ipFamilyPolicy, ipFamilies } = (withFamilies(service(spec) as never, before, known) as Service).spec ?? {};
    return [ipFamilyPolicy, ...(ipFamilies ?? [])];
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error.status.details?.causes?.map(({ field, message }) => `${field} ${message}`) ?? [];
  }
}

const ELSEWHERE: ServiceSpec = { clusterIP: "10.0.0.9", clusterIPs: ["10.0.0.9"] };
const HEADLESS: ServiceSpec = { clusterIP: "None", clusterIPs: ["None"] };

test.each<readonly [string, ServiceSpec, readonly unknown[]]>([
  ["nothing", {}, ["SingleStack", "IPv6"]],
  ["both if there are", { ipFamilyPolicy: "PreferDualStack" }, ["PreferDualStack", "IPv6"]],
  ["nothing, and writes endpoints itself", HEADLESS, ["RequireDualStack", "IPv6", "IPv4"]],
  ["both", { ipFamilyPolicy: "RequireDualStack" }, [expect.stringContaining("not configured for dual-stack services")]],
  ["the other", { ipFamilies: ["IPv4"] }, [expect.stringMatching(/^spec.ipFamilies\[0\] .*not configured/)]],
  ["an address of the other", ELSEWHERE, [expect.stringContaining("IPv4 is not configured on this cluster")]],
])("in a cluster of IPv6 alone who asks for %s", (_what, spec, expected) => {
  expect(familiesIn(["IPv6"], spec)).toEqual(expected);
});

test("the first family of the cluster comes first unless it is asked otherwise", () => {
  const ipFamilyPolicy = "PreferDualStack";
  expect(familiesIn(["IPv6", "IPv4"], { ipFamilyPolicy })).toEqual([ipFamilyPolicy, "IPv6", "IPv4"]);
  expect(familiesIn(["IPv6", "IPv4"], { ipFamilyPolicy, ipFamilies: ["IPv4"] })).toEqual([
    ipFamilyPolicy,
    "IPv4",
    "IPv6",
  ]);
});

test("a cluster that gets a second family, or loses it, changes no Service that prefers both", () => {
  const ipFamilyPolicy = "PreferDualStack";
  const one: ServiceSpec = { ...ELSEWHERE, ipFamilyPolicy, ipFamilies: ["IPv4"] };
  const two: ServiceSpec = { ...one, ipFamilies: ["IPv4", "IPv6"], clusterIPs: ["10.0.0.9", "fd00::9"] };
  expect(familiesIn(["IPv4", "IPv6"], one, one)).toEqual([ipFamilyPolicy, "IPv4"]);
  expect(familiesIn(["IPv4"], two, two)).toEqual([ipFamilyPolicy, "IPv4", "IPv6"]);
  expect(familiesIn(["IPv4", "IPv6"], one, { ...one, ipFamilyPolicy: "SingleStack" })).toEqual([
    ipFamilyPolicy,
    "IPv4",
    "IPv6",
  ]);
});
