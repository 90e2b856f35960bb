import { factsText, type KubeObject } from "@tsukube/api";
import type { FlowSchema, PriorityLevelConfiguration } from "@tsukube/api/types/flowcontrol-v1";
import type { ObjectCache } from "../storage/contract.ts";

export const SCHEMAS = "/registry/flowschemas/";
export const LEVELS = "/registry/prioritylevelconfigurations/";

/** These levels and schemas are always in force, also where somebody deleted them. */
const MANDATORY: readonly string[] = ["exempt", "catch-all"];

/** The priority levels that are to be, in any order. */
export function priorityLevels(cache: ObjectCache): readonly PriorityLevelConfiguration[] {
  const stored = below<PriorityLevelConfiguration>(cache, LEVELS).filter(({ spec }) => spec.limited ?? spec.exempt);
  return [...stored, ...missing("prioritylevelconfigurations", stored)];
}

/** The FlowSchemas whose level is among `levels`, in the order in which they are tried. */
export function flowSchemas(cache: ObjectCache, levels: ReadonlySet<string>): readonly FlowSchema[] {
  const stored = below<FlowSchema>(cache, SCHEMAS).filter(({ spec }) =>
    levels.has(spec.priorityLevelConfiguration?.name ?? ""),
  );
  const all = [...stored, ...missing<FlowSchema>("flowschemas", stored)];
  const precedence = ({ spec }: FlowSchema): number => spec.matchingPrecedence ?? 0;
  return all.sort((a, b) => precedence(a) - precedence(b) || (nameOf(a) < nameOf(b) ? -1 : 1));
}

export function nameOf({ metadata }: KubeObject): string {
  return metadata?.name ?? "";
}

function below<T extends KubeObject>(cache: ObjectCache, prefix: string): readonly T[] {
  return [...cache.head.range(prefix)].map(([, cached]) => cached.object as KubeObject as T);
}

function missing<T extends KubeObject>(resource: string, stored: readonly T[]): readonly T[] {
  const absent = MANDATORY.filter((name) => !stored.some((object) => nameOf(object) === name));
  if (absent.length === 0) return [];
  const facts = JSON.parse(factsText("bootstrap.json")) as Readonly<Record<string, readonly T[]>>;
  const known = facts[`flowcontrol.apiserver.k8s.io/v1 ${resource}`] ?? [];
  return known.filter((object) => absent.includes(nameOf(object)));
}
