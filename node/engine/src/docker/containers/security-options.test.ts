import { expect, test } from "vitest";
import { checkSecurityOptions, isSecurityOptionSet, securityOption } from "./security-options.ts";

test("options are found in both of their forms, and the last one counts", () => {
  expect(securityOption(["seccomp=unconfined", "seccomp:{}"], "seccomp")).toBe("{}");
  expect(securityOption(["label=type:a=b"], "label")).toBe("type:a=b");
  expect([undefined, null, []].map((options) => securityOption(options, "seccomp"))).toEqual(Array(3).fill(undefined));
  const isSet = (...options: readonly string[]) => isSecurityOptionSet(options, "no-new-privileges");
  expect([isSet(), isSet("no-new-privileges"), isSet("no-new-privileges:true")]).toEqual([false, true, true]);
  expect(isSet("no-new-privileges", "no-new-privileges=false")).toBe(false);
});

test("what is applied is taken", () => {
  checkSecurityOptions([
    ...["no-new-privileges", "seccomp=unconfined", "apparmor=unconfined", "label=disable", "label:disable"],
    ...["systempaths=unconfined", "writable-cgroups=true", "writable-cgroups=false"],
  ]);
});

test.each([
  ["apparmor=docker-default", "unsupported"],
  ["label=type:container_t", "unsupported"],
  ["systempaths=none", "invalid"],
  ["writable-cgroups=maybe", "invalid"],
  ["no-new-privileges=maybe", "invalid"],
  ["seccomp", "invalid"],
  ["what=ever", "invalid"],
])("%s is refused as %s", (option, code) => {
  expect(() => checkSecurityOptions([option])).toThrow(expect.objectContaining({ code }));
});
