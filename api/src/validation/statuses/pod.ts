import { isIP } from "@tsukube/foundation/ip-address";
import type { Unstructured } from "../../object.ts";
import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import { element, isUnset, listOf, member, valueAt } from "../check.ts";
import { podAnnotationUpdates } from "../core/pod-annotations.ts";
import { changed, immutableError, type UpdateCheck, updates } from "../kind-rules.ts";
import { dnsSubdomain, ipAddress } from "../names.ts";

const SYSTEM_CONDITIONS = ["PodScheduled", "Ready", "Initialized"];
const COUNTING = "must be a non-negative integer";
const FAMILIES = "may specify no more than one IP for each IP family";

const conditions: UpdateCheck = (next) =>
  listOf(valueAt(next, "status.conditions")).flatMap((condition, index) => {
    const at = element("status.conditions", index);
    const type = String(member(condition, "type") ?? "");
    const observed = Number(member(condition, "observedGeneration") ?? 0);
    return [
      ...(observed < 0 ? [fieldError.invalid(`${at}.observedGeneration`, observed, COUNTING)] : []),
      ...(SYSTEM_CONDITIONS.includes(type) ? [] : labelKeyProblems(type)).map((problem) =>
        fieldError.invalid(`${at}.Type`, type, problem),
      ),
    ];
  });

/** Where the pod is to go is noted for pods that are nowhere yet. */
const nomination: UpdateCheck = (next, old) => {
  const at = "status.nominatedNodeName";
  const name = String(valueAt(next, at) ?? "");
  if (name === "" || !changed(next, old, at)) return [];
  const errors = dnsSubdomain(name).map((problem) => fieldError.invalid(at, name, problem));
  const isBound = !isUnset(valueAt(old, "spec.nodeName"));
  const bound = fieldError.forbidden(at, "may not be set on pods that are already bound to a node");
  return isBound ? [...errors, bound] : errors;
};

const generation: UpdateCheck = (next) => {
  const observed = Number(valueAt(next, "status.observedGeneration") ?? 0);
  return observed < 0 ? [fieldError.invalid("status.observedGeneration", observed, COUNTING)] : [];
};

const qosClass: UpdateCheck = (next, old) =>
  changed(next, old, "status.qosClass") ? [immutableError(next, "status.qosClass")] : [];

/** A container that has ended runs again only where its restart policy says so. */
function transitions(
  list: string,
  mayRestart: (old: Unstructured, name: string, code: number) => boolean,
): UpdateCheck {
  return (next, old) =>
    listOf(valueAt(old, `status.${list}`)).flatMap((before, index) => {
      const [name, terminated] = [String(member(before, "name") ?? ""), valueAt(before, "state.terminated")];
      if (terminated === undefined) return [];
      const now = listOf(valueAt(next, `status.${list}`)).find((one) => member(one, "name") === name);
      if (now === undefined || valueAt(now, "state.terminated") !== undefined) return [];
      if (mayRestart(old, name, Number(member(terminated, "exitCode") ?? 0))) return [];
      const at = `${element(`status.${list}`, index)}.state`;
      return [fieldError.forbidden(at, "may not be transitioned to non-terminated state")];
    });
}

function restarts(containers: string): (pod: Unstructured, name: string, code: number) => boolean {
  return (pod, name, code) => {
    if (allMayRestart(pod)) return true;
    const container = listOf(valueAt(pod, `spec.${containers}`)).find((one) => member(one, "name") === name);
    if (container === undefined) return false;
    const own = member(container, "restartPolicy");
    const rule = listOf(member(container, "restartPolicyRules")).find((one) => matches(one, code));
    if (own !== undefined && member(rule, "action") === "Restart") return true;
    const policy = own ?? valueAt(pod, "spec.restartPolicy");
    return policy === "Never" ? false : policy === "OnFailure" ? code !== 0 : true;
  };
}

function allMayRestart(pod: Unstructured): boolean {
  const all = ["initContainers", "containers"].flatMap((name) => listOf(valueAt(pod, `spec.${name}`)));
  return all
    .flatMap((container) => listOf(member(container, "restartPolicyRules")))
    .some((rule) => member(rule, "action") === "RestartAllContainers");
}

function matches(rule: unknown, code: number): boolean {
  const isListed = listOf(valueAt(rule, "exitCodes.values")).includes(code);
  return valueAt(rule, "exitCodes.operator") === "In" ? isListed : !isListed;
}

const claims: UpdateCheck = (next) => {
  const at = "status.resourceClaimStatuses";
  const known = listOf(valueAt(next, "spec.resourceClaims")).map((claim) => member(claim, "name"));
  const seen = new Set<unknown>();
  return listOf(valueAt(next, at)).flatMap((status, index) => {
    const here = element(at, index);
    const [name, claim] = [member(status, "name") ?? "", member(status, "resourceClaimName")];
    const errors: FieldError[] = [];
    const unknown = "must match the name of an entry in `spec.resourceClaims`";
    if (!known.includes(name)) errors.push(fieldError.invalid(`${here}.name`, name, unknown));
    if (seen.has(name)) errors.push(fieldError.duplicate(`${here}.name`, name));
    seen.add(name);
    for (const problem of claim === undefined ? [] : dnsSubdomain(String(claim)))
      errors.push(fieldError.invalid(`${here}.resourceClaimName`, claim, problem));
    return errors;
  });
};

const addressesOf = (list: unknown): readonly string[] =>
  listOf(list).map((entry) => String(member(entry, "ip") ?? ""));

function addressErrors(next: Unstructured, old: Unstructured, at: string): readonly FieldError[] {
  const [list, before] = [addressesOf(valueAt(next, at)), addressesOf(valueAt(old, at))];
  const errors = list.flatMap((address, index) =>
    before.includes(address)
      ? []
      : ipAddress(address).map((why) => fieldError.invalid(element(at, index), address, why)),
  );
  if (list.length < 2) return errors;
  const families = list.map((address) => isIP(address));
  const isPair = families.length === 2 && families[0] !== families[1];
  return isPair ? errors : [...errors, fieldError.invalid(at, valueAt(next, at), FAMILIES)];
}

const podAddresses: UpdateCheck = (next, old) => {
  const at = "status.podIPs";
  const [first, alone] = [addressesOf(valueAt(next, at))[0], String(valueAt(next, "status.podIP") ?? "")];
  const errors = [...addressErrors(next, old, at)];
  if ((alone !== "") !== (first !== undefined)) {
    const why = "podIP and podIPs must either both be set or both be unset";
    errors.push(fieldError.invalid(at, valueAt(next, at) ?? null, why));
  } else if (first !== undefined && first !== alone)
    errors.push(fieldError.invalid(`${at}[0].ip`, first, "must be equal to `podIP`"));
  return errors;
};

const hostAddresses: UpdateCheck = (next, old) => {
  const at = "status.hostIPs";
  const [first] = addressesOf(valueAt(next, at));
  if (first === undefined) return [];
  const isSame = first === (valueAt(next, "status.hostIP") ?? "");
  const differs = fieldError.invalid(`${at}[0].ip`, first, "must be equal to `hostIP`");
  return [...(isSame ? [] : [differs]), ...addressErrors(next, old, at)];
};

const annotations: UpdateCheck = (next, old) => {
  const at = "metadata.annotations";
  const errors: FieldError[] = [];
  podAnnotationUpdates(valueAt(next, at), valueAt(old, at), at, errors);
  return errors;
};

export const podStatus: UpdateCheck = updates(
  annotations,
  conditions,
  nomination,
  generation,
  qosClass,
  transitions("containerStatuses", restarts("containers")),
  transitions("initContainerStatuses", restarts("initContainers")),
  transitions("ephemeralContainerStatuses", () => false),
  claims,
  podAddresses,
  hostAddresses,
);
