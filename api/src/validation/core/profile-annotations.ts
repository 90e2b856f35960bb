import { fieldError } from "../../status/field-error.ts";
import { type Check, child, element, listOf, member, valueAt } from "../check.ts";
import { APPARMOR, SECCOMP_CONTAINER, SECCOMP_POD } from "./pod-annotations.ts";

type Errors = Parameters<Check>[2];

const DEFAULTS = { seccomp: ["runtime/default", "docker/default"], apparmor: ["runtime/default"] };

/** Annotations once said of a pod's containers what fields say now: they must not say otherwise. @param at Of the spec. */
export function profilesMatch(annotations: unknown, spec: unknown, at: string, errors: Errors): void {
  const whole = valueAt(spec, "securityContext.seccompProfile");
  mustMatch("seccomp", member(annotations, SECCOMP_POD), whole, child(at, "securityContext.seccompProfile"), errors);
  for (const [container, here] of containersOf(spec, at)) {
    const annotation = member(annotations, `${SECCOMP_CONTAINER}${String(member(container, "name"))}`);
    const profile = valueAt(container, "securityContext.seccompProfile");
    mustMatch("seccomp", annotation, profile, child(here, "securityContext.seccompProfile"), errors);
  }
  if (valueAt(spec, "os.name") === "windows") return;
  for (const [container, here] of containersOf(spec, at)) {
    const annotation = member(annotations, `${APPARMOR}${String(member(container, "name"))}`);
    const own = valueAt(container, "securityContext.appArmorProfile");
    const profile = own ?? valueAt(spec, "securityContext.appArmorProfile");
    mustMatch("apparmor", annotation, profile, child(here, "securityContext.appArmorProfile"), errors);
  }
}

function containersOf(spec: unknown, at: string): readonly (readonly [unknown, string])[] {
  return ["initContainers", "containers", "ephemeralContainers"].flatMap((list) =>
    listOf(member(spec, list)).map((container, index) => [container, element(child(at, list), index)] as const),
  );
}

function mustMatch(
  what: "seccomp" | "apparmor",
  annotation: unknown,
  profile: unknown,
  at: string,
  errors: Errors,
): void {
  if (annotation === undefined || profile === undefined || profile === null) return;
  const [text, type] = [String(annotation), member(profile, "type")];
  const isLocal = text.startsWith(LOCAL);
  const fits: Readonly<Record<string, boolean>> = {
    Unconfined: text === "unconfined",
    RuntimeDefault: DEFAULTS[what].includes(text),
    Localhost: isLocal,
  };
  if (fits[String(type)] === false)
    errors.push(fieldError.forbidden(child(at, "type"), `${what} type in annotation and field must match`));
  else if (type === "Localhost" && member(profile, "localhostProfile") !== text.slice(LOCAL.length))
    errors.push(
      fieldError.forbidden(child(at, "localhostProfile"), `${what} profile in annotation and field must match`),
    );
}

const LOCAL = "localhost/";
