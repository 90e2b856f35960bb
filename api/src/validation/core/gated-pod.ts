import type { Unstructured } from "../../object.ts";
import { jsonEqual } from "../../patch/json-equal.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import { entriesOf, isUnset, listOf, member, type Values, valueAt } from "../check.ts";
import { shownNodeTerms } from "./scheduling.ts";

function isGated(pod: Unstructured): boolean {
  return listOf(valueAt(pod, "spec.schedulingGates")).length > 0;
}

/** Where a pod may run can only get narrower, and only while gates hold it back (KEP-3838). */
export function placementNarrows(next: Unstructured, old: Unstructured): readonly FieldError[] {
  return isGated(old) ? [...nodeLabelsGrow(next, old), ...nodeTermsGrow(next, old)] : [];
}

/** What {@link placementNarrows} lets change, as the old pod has it. */
export function formerPlacement(spec: Values, old: Unstructured): Values {
  if (!isGated(old)) return {};
  const was = valueAt(old, "spec.affinity");
  const parts = { ...(spec["affinity"] as object), nodeAffinity: member(was, "nodeAffinity") };
  const affinity = Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== undefined && part !== null));
  const isEmpty = Object.keys(affinity).length === 0;
  return { nodeSelector: valueAt(old, "spec.nodeSelector"), affinity: isEmpty ? was : affinity };
}

function nodeLabelsGrow(next: Unstructured, old: Unstructured): readonly FieldError[] {
  const at = "spec.nodeSelector";
  const [now, before] = [valueAt(next, at), valueAt(old, at)];
  if (entriesOf(before).every(([key, value]) => member(now, key) === value)) return [];
  const why = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
  return [fieldError.invalid(at, now ?? null, why)];
}

function nodeTermsGrow(next: Unstructured, old: Unstructured): readonly FieldError[] {
  const at = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
  const [now, before] = [listOf(valueAt(next, at)), listOf(valueAt(old, at))];
  if (before.length === 0) return [];
  const shown = shownNodeTerms(now);
  if (now.length !== before.length) {
    const why = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
    return [fieldError.invalid(at, now.length === 0 ? null : shown, why)];
  }
  return before.flatMap((term, index) => {
    if (onlyAdded(now[index], term)) return [];
    const why = "only additions are allowed (no mutations or deletions)";
    return [fieldError.invalid(`${at}[${index}]`, shown[index], why)];
  });
}

/** A term without requirements matches nothing: one with some would match more. */
function onlyAdded(now: unknown, before: unknown): boolean {
  const lists = ["matchExpressions", "matchFields"];
  if (lists.every((name) => isUnset(member(before, name)))) return lists.every((name) => isUnset(member(now, name)));
  return lists.every((name) => {
    const was = listOf(member(before, name));
    return jsonEqual(listOf(member(now, name)).slice(0, was.length), was);
  });
}
