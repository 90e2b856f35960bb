import { fieldError } from "../../status/field-error.ts";
import { between, type Check, child, each, fields, listOf, member, optional, text } from "../check.ts";
import { dnsSubdomain } from "../names.ts";
import { byteLength } from "../object-meta.ts";
import { sysctls } from "./sysctls.ts";
import { localDescendingPath } from "./volume-files.ts";

/** The number of a user or group. */
const id: Check = between(0, 2 ** 31 - 1);

/** One of these; "" is none of them. */
function among(...values: readonly string[]): Check {
  return optional((value, at, errors) => {
    if (!values.includes(String(value))) errors.push(fieldError.notSupported(at, value, values));
  });
}

const seccompProfile: Check = (value, at, errors) => {
  const [type, profile] = [member(value, "type") ?? "", member(value, "localhostProfile")];
  const types = ["Localhost", "RuntimeDefault", "Unconfined"];
  if (type === "") errors.push(fieldError.required(child(at, "type"), "type is required when seccompProfile is set"));
  else if (!types.includes(String(type))) errors.push(fieldError.notSupported(child(at, "type"), type, types));
  const here = child(at, "localhostProfile");
  if (type !== "Localhost") {
    if (profile !== undefined)
      errors.push(fieldError.invalid(here, value, "can only be set when seccomp type is Localhost"));
  } else if (profile === undefined)
    errors.push(fieldError.required(here, "must be set when seccomp type is Localhost"));
  else localDescendingPath(profile, here, errors);
};

const LONGEST_PROFILE = 4095;

const appArmorProfile: Check = (value, at, errors) => {
  const [type, profile] = [member(value, "type") ?? "", member(value, "localhostProfile")];
  const here = child(at, "localhostProfile");
  const types = ["Localhost", "RuntimeDefault", "Unconfined"];
  if (type === "") errors.push(fieldError.required(child(at, "type"), "type is required when appArmorProfile is set"));
  else if (!types.includes(String(type))) errors.push(fieldError.notSupported(child(at, "type"), type, types));
  else if (type !== "Localhost") {
    if (profile !== undefined)
      errors.push(fieldError.invalid(here, profile, "can only be set when AppArmor type is Localhost"));
  } else localProfile(profile, here, errors);
};

const localProfile: Check = (value, at, errors) => {
  const name = value === undefined ? "" : String(value);
  if (name.trim() !== name) errors.push(fieldError.invalid(at, name, "must not be padded with whitespace"));
  else if (name === "") errors.push(fieldError.required(at, "must be set when AppArmor type is Localhost"));
  if (name.length > LONGEST_PROFILE) errors.push(fieldError.tooLong(at, LONGEST_PROFILE));
};

const MOST_CREDENTIAL_KIB = 64;

const windowsOptions: Check = fields({
  gmsaCredentialSpecName: optional(text(dnsSubdomain)),
  gmsaCredentialSpec: optional((value, at, errors) => {
    const size = byteLength(String(value));
    if (size === 0) errors.push(fieldError.invalid(at, value, "gmsaCredentialSpec cannot be an empty string"));
    if (size > MOST_CREDENTIAL_KIB * 1024) {
      const why = `gmsaCredentialSpec size must be under ${MOST_CREDENTIAL_KIB} KiB`;
      errors.push(fieldError.invalid(at, value, why));
    }
  }),
  runAsUserName: optional((value, at, errors) => {
    for (const problem of userNameProblems(String(value))) errors.push(fieldError.invalid(at, value, problem));
  }),
});

const NETBIOS = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const USER_DOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/i;

/** "DOMAIN\user" or "user" as Windows has them. */
function userNameProblems(name: string): readonly string[] {
  if (name === "") return ["runAsUserName cannot be an empty string"];
  if ([...name].some((character) => character < " " || character === "\x7f"))
    return ["runAsUserName cannot contain control characters"];
  const parts = name.split("\\");
  if (parts.length > 2) return ["runAsUserName cannot contain more than one backslash"];
  const [user = "", domain] = parts.toReversed();
  return [...(domain === undefined ? [] : domainProblems(domain)), ...userProblems(user)];
}

function domainProblems(domain: string): readonly string[] {
  return [
    ...(domain.length >= 256 ? ["runAsUserName's Domain length must be under 256 characters"] : []),
    ...(NETBIOS.test(domain) || USER_DOMAIN.test(domain)
      ? []
      : ["runAsUserName's Domain doesn't match the NetBios nor the DNS format"]),
  ];
}

function userProblems(user: string): readonly string[] {
  const length =
    user === ""
      ? ["runAsUserName's User cannot be empty"]
      : user.length > 104
        ? ["runAsUserName's User length must not be longer than 104 characters"]
        : [];
  return [
    ...length,
    ...(/^[. ]+$/.test(user) ? ["runAsUserName's User cannot contain only periods or spaces"] : []),
    ...(/["/\\:;|=,+*?<>@[\]]/.test(user)
      ? [`runAsUserName's User cannot contain the following characters: "/\\:;|=,+*?<>@[]`]
      : []),
  ];
}

/** @param hostUsers False: the pod has users of its own. */
export function containerSecurity(hostUsers: boolean): Check {
  return optional((value, at, errors) => {
    fields({
      runAsUser: optional(id),
      runAsGroup: optional(id),
      procMount: procMount(hostUsers),
      seccompProfile: optional(seccompProfile),
    })(value, at, errors);
    escalation(value, at, errors);
    fields({ windowsOptions: optional(windowsOptions), appArmorProfile: optional(appArmorProfile) })(value, at, errors);
  });
}

function procMount(hostUsers: boolean): Check {
  return optional((value, at, errors) => {
    among("Default", "Unmasked")(value, at, errors);
    if (hostUsers && value === "Unmasked")
      errors.push(fieldError.invalid(at, value, "`hostUsers` must be false to use `Unmasked`"));
  });
}

const escalation: Check = (value, at, errors) => {
  if (member(value, "allowPrivilegeEscalation") !== false) return;
  const refuse = (what: string): void =>
    void errors.push(fieldError.invalid(at, value, `cannot set \`allowPrivilegeEscalation\` to false and ${what}`));
  if (member(value, "privileged") === true) refuse("`privileged` to true");
  for (const capability of listOf(member(member(value, "capabilities"), "add")))
    if (capability === "CAP_SYS_ADMIN") refuse("`capabilities.Add` CAP_SYS_ADMIN");
};

/** `securityContext` of a pod's spec. */
export const podSecurity: Check = (spec, at, errors) => {
  const [value, here] = [member(spec, "securityContext"), child(at, "securityContext")];
  if (value === undefined) return;
  fields({
    fsGroup: optional(id),
    runAsUser: optional(id),
    runAsGroup: optional(id),
    supplementalGroups: each(id),
  })(value, here, errors);
  sysctls(spec, at, errors);
  fields({
    fsGroupChangePolicy: among("Always", "OnRootMismatch"),
    seccompProfile: optional(seccompProfile),
    windowsOptions: optional(windowsOptions),
    appArmorProfile: optional(appArmorProfile),
    supplementalGroupsPolicy: among("Merge", "Strict"),
    seLinuxChangePolicy: among("MountOption", "Recursive"),
  })(value, here, errors);
};
