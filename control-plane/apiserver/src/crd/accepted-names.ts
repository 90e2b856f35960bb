import { jsonEqual } from "@tsukube/api";
import type { CustomResourceDefinition, CustomResourceDefinitionNames } from "@tsukube/api/types/apiextensions-v1";

/** The first state of a definition: no name of it is accepted. */
const NONE: CustomResourceDefinitionNames = { plural: "", kind: "" };

/** What the names of a definition come to, as its status says it. */
export interface Naming {
  readonly names: CustomResourceDefinitionNames;
  /** The last of the names that others hold; undefined: there is none. */
  readonly conflict?: { readonly reason: string; readonly message: string };
}

/**
 * Pure: which names of a definition are accepted. Within a group plural, singular and short names share one space, kind and list kind
 * another; whoever has a name keeps it.
 * @param group Definitions of its group, itself among them: what it holds already is not free either.
 */
export function acceptedNames(crd: CustomResourceDefinition, group: readonly CustomResourceDefinition[]): Naming {
  const asked = crd.spec?.names ?? NONE;
  const held = crd.status?.acceptedNames ?? NONE;
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const { status } of group) {
    const { plural = "", singular = "", shortNames, kind = "", listKind = "" } = status?.acceptedNames ?? NONE;
    for (const name of [plural, singular, ...(shortNames ?? [])]) resources.add(name);
    for (const name of [kind, listKind]) kinds.add(name);
  }
  const accepted: Record<string, unknown> = { ...held };
  let conflict: Naming["conflict"];
  const take = (field: "plural" | "singular" | "kind" | "listKind", taken: ReadonlySet<string>): void => {
    const name = asked[field] ?? "";
    if (name === (held[field] ?? "") || !taken.has(name)) accepted[field] = name;
    else conflict = { reason: `${field[0]!.toUpperCase()}${field.slice(1)}Conflict`, message: inUse([name]) };
  };
  take("plural", resources);
  take("singular", resources);
  const own = new Set([...(held.shortNames ?? []), held.plural, held.singular]);
  const others = (asked.shortNames ?? []).filter((name) => !own.has(name) && resources.has(name));
  if (others.length > 0) conflict = { reason: "ShortNamesConflict", message: inUse(others) };
  else accepted["shortNames"] = asked.shortNames;
  take("kind", kinds);
  take("listKind", kinds);
  accepted["categories"] = asked.categories;
  const names = Object.fromEntries(FIELDS.flatMap((field) => said(field, accepted[field])));
  return { names: names as unknown as CustomResourceDefinitionNames, ...(conflict !== undefined && { conflict }) };
}

/** Whether the names asked for are those that are accepted. */
export function areAccepted({ spec, status }: CustomResourceDefinition): boolean {
  return jsonEqual(ordered(spec?.names ?? NONE), ordered(status?.acceptedNames ?? NONE));
}

const FIELDS = ["plural", "singular", "shortNames", "kind", "listKind", "categories"] as const;

function ordered(names: CustomResourceDefinitionNames): object {
  return Object.fromEntries(FIELDS.flatMap((field) => said(field, names[field])));
}

function said(field: string, value: unknown): readonly (readonly [string, unknown])[] {
  const isRequired = field === "plural" || field === "kind";
  if (isRequired) return [[field, value ?? ""]];
  return value === undefined || value === null || value === "" || (value as readonly unknown[]).length === 0
    ? []
    : [[field, value]];
}

/** As Go writes errors of several. */
function inUse(names: readonly string[]): string {
  const all = [...new Set(names)].map((name) => `"${name}" is already in use`);
  return all.length === 1 ? all[0]! : `[${all.join(", ")}]`;
}
