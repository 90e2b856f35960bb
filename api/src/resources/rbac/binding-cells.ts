import type { Unstructured } from "../../object.ts";
import { created, name } from "../cells.ts";

/** Cells of bindings of roles. */
export function bindingCells(object: Unstructured, now: number): readonly unknown[] {
  const { roleRef, subjects } = object as {
    roleRef?: { kind?: string; name?: string };
    subjects?: readonly { kind?: string; name?: string; namespace?: string }[];
  };
  const of = (kind: string): string =>
    (subjects ?? [])
      .filter((subject) => subject.kind === kind)
      .map((subject) => (kind === "ServiceAccount" ? `${subject.namespace}/${subject.name}` : subject.name))
      .join(", ");
  return [
    name(object),
    `${roleRef?.kind}/${roleRef?.name}`,
    created(object, now),
    of("User"),
    of("Group"),
    of("ServiceAccount"),
  ];
}
