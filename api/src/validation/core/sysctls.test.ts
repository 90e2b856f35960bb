import { expect, test } from "vitest";
import { fieldErrorMessage } from "../../status/field-error.ts";
import { run } from "../check.ts";
import { sysctls } from "./sysctls.ts";

function messages(names: readonly string[], spec: object = {}): string[] {
  const values = names.map((name) => ({ name, value: "1" }));
  return run(sysctls, { ...spec, securityContext: { sysctls: values } }, "spec").map(fieldErrorMessage);
}

test("names are parts of small letters between dots or slashes, each once", () => {
  expect(messages(["kernel.shmmax", "safe-and-unsafe", "net/ipv4/ip_forward"])).toEqual([]);
  const found = messages(["foo-", "bar..", "", "a.b", "a.b"]);
  expect(found.map((message) => message.slice(0, 62))).toEqual([
    expect.stringContaining('spec.securityContext.sysctls[0].name: Invalid value: "foo-"'),
    expect.stringContaining('spec.securityContext.sysctls[1].name: Invalid value: "bar.."'),
    "spec.securityContext.sysctls[2].name: Required value",
    'spec.securityContext.sysctls[4].name: Duplicate value: "a.b"',
  ]);
});

test("what belongs to a namespace of the host cannot be set", () => {
  expect(messages(["net.core.somaxconn", "kernel.sem"], { hostNetwork: true, hostIPC: true })).toEqual([
    "spec.securityContext.sysctls[0].name: Invalid value: \"net.core.somaxconn\": may not be specified when 'hostNetwork' is true",
    "spec.securityContext.sysctls[1].name: Invalid value: \"kernel.sem\": may not be specified when 'hostIPC' is true",
  ]);
});
