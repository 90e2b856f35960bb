import { fieldError } from "../../status/field-error.ts";
import { type Check, entriesOf, isUnset, listOf, member } from "../check.ts";
import { localDescendingPath } from "./volume-files.ts";

type Errors = Parameters<Check>[2];

const MIRROR = "kubernetes.io/config.mirror";
const DELETION_COST = "controller.kubernetes.io/pod-deletion-cost";
export const SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod";
export const SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/";
export const APPARMOR = "container.apparmor.security.beta.kubernetes.io/";

/** Annotations that mean something for a pod. @param at Of the annotations. */
export function podAnnotations(annotations: unknown, spec: unknown, at: string, errors: Errors): void {
  const mirror = member(annotations, MIRROR);
  if (mirror !== undefined && isUnset(member(spec, "nodeName"))) {
    const why = "must set spec.nodeName if mirror pod annotation is set";
    errors.push(fieldError.invalid(`${at}[${MIRROR}]`, mirror, why));
  }
  const cost = member(annotations, DELETION_COST);
  if (cost !== undefined && !isInt32(String(cost)))
    errors.push(fieldError.invalid(`${at}[${DELETION_COST}]`, cost, "must be a 32bit integer"));
  for (const [key, value] of entriesOf(annotations)) {
    if (key === SECCOMP_POD || key.startsWith(SECCOMP_CONTAINER)) seccomp(value, `${at}.${key}`, errors);
    if (key.startsWith(APPARMOR)) appArmor(key, String(value), spec, `${at}[${key}]`, errors);
  }
}

/** Such as upstream takes: no plus sign, no leading zeros. */
function isInt32(text: string): boolean {
  return /^(0|-?[1-9]\d*)$/.test(text) && Math.abs(Number(text)) <= 2 ** 31 - (text.startsWith("-") ? 0 : 1);
}

const seccomp: Check = (value, at, errors) => {
  const profile = String(value);
  if (["runtime/default", "docker/default", "unconfined"].includes(profile)) return;
  if (profile.startsWith("localhost/")) localDescendingPath(profile.slice("localhost/".length), at, errors);
  else errors.push(fieldError.invalid(at, profile, "must be a valid seccomp profile"));
};

function appArmor(key: string, profile: string, spec: unknown, at: string, errors: Errors): void {
  const name = key.slice(APPARMOR.length);
  const lists = ["initContainers", "containers", "ephemeralContainers"].flatMap((list) => listOf(member(spec, list)));
  if (!lists.some((container) => member(container, "name") === name))
    errors.push(fieldError.invalid(at, name, "container not found"));
  const isKnown = ["", "runtime/default", "unconfined"].includes(profile) || profile.startsWith("localhost/");
  if (!isKnown)
    errors.push(fieldError.invalid(at, profile, `invalid AppArmor profile name: ${JSON.stringify(profile)}`));
}

/** These annotations neither come nor change nor go. */
export function podAnnotationUpdates(next: unknown, old: unknown, at: string, errors: Errors): void {
  for (const [key, value] of entriesOf(old)) {
    if (member(next, key) === value) continue;
    if (key.startsWith(APPARMOR))
      errors.push(fieldError.forbidden(`${at}[${key}]`, "may not remove or update AppArmor annotations"));
    if (key === MIRROR)
      errors.push(fieldError.forbidden(`${at}[${key}]`, "may not remove or update mirror pod annotation"));
  }
  for (const [key] of entriesOf(next)) {
    if (member(old, key) !== undefined) continue;
    if (key.startsWith(APPARMOR))
      errors.push(fieldError.forbidden(`${at}[${key}]`, "may not add AppArmor annotations"));
    if (key === MIRROR) errors.push(fieldError.forbidden(`${at}[${key}]`, "may not add mirror pod annotation"));
  }
}
