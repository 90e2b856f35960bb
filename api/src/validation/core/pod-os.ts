import { fieldError } from "../../status/field-error.ts";
import { type Check, child, isUnset, listOf, member } from "../check.ts";

type Errors = Parameters<Check>[2];

const POD_WINDOWS = [
  ...["appArmorProfile", "seLinuxOptions", "seccompProfile", "fsGroup", "fsGroupChangePolicy", "sysctls", "runAsUser"],
  ...["runAsGroup", "supplementalGroups", "supplementalGroupsPolicy", "seLinuxChangePolicy"],
];
const SPEC_WINDOWS = ["hostUsers", "hostPID", "hostIPC", "shareProcessNamespace"];
const CONTAINER_WINDOWS = [
  ...["appArmorProfile", "seLinuxOptions", "seccompProfile", "capabilities", "readOnlyRootFilesystem", "privileged"],
  ...["allowPrivilegeEscalation", "procMount", "runAsUser", "runAsGroup"],
];
const SYSTEMS = ["linux", "windows"];

/** A pod that says for which system it is takes no fields of the other. */
export const osFields: Check = (spec, at, errors) => {
  const os = member(spec, "os");
  if (os === undefined) return;
  const name = member(os, "name") ?? "";
  const here = child(at, "os");
  if (name === "") errors.push(fieldError.required(child(here, "name")));
  else if (!SYSTEMS.includes(String(name))) errors.push(fieldError.notSupported(here, name, SYSTEMS));
  else if (name === "linux") ofLinux(spec, at, errors);
  else ofWindows(spec, at, errors);
};

function ofLinux(spec: unknown, at: string, errors: Errors): void {
  const why = "windows options cannot be set for a linux pod";
  const options = (context: unknown, here: string): void => {
    if (member(context, "windowsOptions") !== undefined)
      errors.push(fieldError.forbidden(child(here, "securityContext.windowsOptions"), why));
  };
  options(member(spec, "securityContext"), at);
  eachContainer(spec, at, (container, here) => options(member(container, "securityContext"), here));
}

function ofWindows(spec: unknown, at: string, errors: Errors): void {
  const refuse = (value: unknown, names: readonly string[], here: string): void => {
    for (const name of names) {
      const given = member(value, name);
      if (given === undefined || (name.startsWith("host") && name !== "hostUsers" && isUnset(given))) continue;
      errors.push(fieldError.forbidden(child(here, name), "cannot be set for a windows pod"));
    }
  };
  refuse(member(spec, "securityContext"), POD_WINDOWS, child(at, "securityContext"));
  refuse(spec, SPEC_WINDOWS, at);
  eachContainer(spec, at, (container, here) =>
    refuse(member(container, "securityContext"), CONTAINER_WINDOWS, child(here, "securityContext")),
  );
}

function eachContainer(spec: unknown, at: string, visit: (container: unknown, at: string) => void): void {
  for (const list of ["initContainers", "containers", "ephemeralContainers"])
    listOf(member(spec, list)).forEach((container, index) => {
      visit(container, `${child(at, list)}[${index}]`);
    });
}
