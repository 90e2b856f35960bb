import { fieldError } from "../../status/field-error.ts";
import { type Check, child, isUnset, listOf, member } from "../check.ts";

const LONGEST = 253;
const SEGMENT = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
/** Parts are divided by dots or slashes. */
const NAME = `^(${SEGMENT}[\\./])*${SEGMENT}$`;

/** Checks `securityContext.sysctls` of a pod's spec: what belongs to a namespace that is the host's cannot be set. */
export const sysctls: Check = (spec, at, errors) => {
  const seen = new Set<string>();
  for (const [index, sysctl] of listOf(member(member(spec, "securityContext"), "sysctls")).entries()) {
    const here = `${child(at, "securityContext.sysctls")}[${index}].name`;
    const name = String(member(sysctl, "name") ?? "");
    if (name === "") errors.push(fieldError.required(here));
    else if (name.length > LONGEST || !new RegExp(NAME).test(name))
      errors.push(fieldError.invalid(here, name, `must have at most ${LONGEST} characters and match regex ${NAME}`));
    else if (seen.has(name)) errors.push(fieldError.duplicate(here, name));
    seen.add(name);
    const host = namespaceOf(name) === "net" ? "hostNetwork" : namespaceOf(name) === "ipc" ? "hostIPC" : "";
    if (host !== "" && !isUnset(member(spec, host)))
      errors.push(fieldError.invalid(here, name, `may not be specified when '${host}' is true`));
  }
};

/** Whose namespace a sysctl belongs to, "" for those of the machine. */
function namespaceOf(name: string): "ipc" | "net" | "" {
  const dotted = name.replaceAll("/", ".");
  if (dotted.startsWith("net.")) return "net";
  return dotted === "kernel.sem" || /^(kernel\.shm|kernel\.msg|fs\.mqueue\.)/.test(dotted) ? "ipc" : "";
}
