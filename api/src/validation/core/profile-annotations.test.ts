import { expect, test } from "vitest";
import { fieldErrorMessage } from "../../status/field-error.ts";
import { run } from "../check.ts";
import { profilesMatch } from "./profile-annotations.ts";

const ARMOR = "container.apparmor.security.beta.kubernetes.io/c";
const SECCOMP = "container.seccomp.security.alpha.kubernetes.io/c";
const POD = "seccomp.security.alpha.kubernetes.io/pod";

const problems = (annotations: object, spec: object): readonly string[] =>
  run((value, at, errors) => profilesMatch(annotations, value, at, errors), spec, "spec").map(fieldErrorMessage);
const of = (member: string, profile: object, more: object = {}) => ({
  containers: [{ name: "c", securityContext: { [member]: profile } }],
  ...more,
});
const local = (localhostProfile: string) => ({ type: "Localhost", localhostProfile });
const at = (path: string, what: string) => [`spec.${path}: Forbidden: ${what} in annotation and field must match`];
const [OWN_ARMOR, OWN_SECCOMP] = [
  "containers[0].securityContext.appArmorProfile",
  "containers[0].securityContext.seccompProfile",
];

test.each<readonly [object, object, readonly string[]]>([
  [{ [ARMOR]: "unconfined" }, of("appArmorProfile", { type: "Unconfined" }), []],
  [
    { [ARMOR]: "unconfined" },
    of("appArmorProfile", { type: "RuntimeDefault" }),
    at(`${OWN_ARMOR}.type`, "apparmor type"),
  ],
  [
    { [ARMOR]: "docker/default" },
    of("appArmorProfile", { type: "RuntimeDefault" }),
    at(`${OWN_ARMOR}.type`, "apparmor type"),
  ],
  [{ [ARMOR]: "localhost/a" }, of("appArmorProfile", local("a")), []],
  [
    { [ARMOR]: "localhost/a" },
    of("appArmorProfile", local("b")),
    at(`${OWN_ARMOR}.localhostProfile`, "apparmor profile"),
  ],
  [{ [ARMOR]: "nonsense" }, of("appArmorProfile", local("b")), at(`${OWN_ARMOR}.type`, "apparmor type")],
  [{ [ARMOR]: "unconfined" }, of("appArmorProfile", local("b"), { os: { name: "windows" } }), []],
  [
    { [ARMOR]: "unconfined" },
    { initContainers: [{ name: "c" }], securityContext: { appArmorProfile: { type: "RuntimeDefault" } } },
    at("initContainers[0].securityContext.appArmorProfile.type", "apparmor type"),
  ],
  [{ [SECCOMP]: "docker/default" }, of("seccompProfile", { type: "RuntimeDefault" }), []],
  [
    { [SECCOMP]: "unconfined" },
    of("seccompProfile", { type: "RuntimeDefault" }),
    at(`${OWN_SECCOMP}.type`, "seccomp type"),
  ],
  [
    { [SECCOMP]: "localhost/a" },
    of("seccompProfile", local("b")),
    at(`${OWN_SECCOMP}.localhostProfile`, "seccomp profile"),
  ],
  [{ [SECCOMP]: "unconfined" }, { containers: [{ name: "c" }], securityContext: { seccompProfile: local("b") } }, []],
  [
    { [POD]: "unconfined" },
    { securityContext: { seccompProfile: { type: "RuntimeDefault" } } },
    at("securityContext.seccompProfile.type", "seccomp type"),
  ],
])("annotations of %j must not say otherwise than fields: %j", (annotations, spec, expected) => {
  expect(problems(annotations, spec)).toEqual(expected);
});
