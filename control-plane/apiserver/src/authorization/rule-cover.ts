import { goQuote } from "@tsukube/api";
import type { PolicyRule } from "@tsukube/api/types/rbac-v1";
import { withoutEnd } from "@tsukube/foundation";

/** The parts of `asked` that no rule of `held` covers, split into one verb, one resource and one name each. */
export function uncovered(held: readonly PolicyRule[], asked: readonly PolicyRule[]): readonly PolicyRule[] {
  return asked.flatMap(atomsOf).filter((atom) => !held.some((rule) => covers(rule, atom)));
}

function atomsOf(rule: PolicyRule): readonly PolicyRule[] {
  const names = rule.resourceNames ?? [];
  const resources = (rule.apiGroups ?? []).flatMap((group) =>
    (rule.resources ?? []).flatMap((resource) =>
      (rule.verbs ?? []).flatMap((verb): PolicyRule[] => {
        const atom = { apiGroups: [group], resources: [resource], verbs: [verb] };
        return names.length === 0 ? [atom] : names.map((name) => ({ ...atom, resourceNames: [name] }));
      }),
    ),
  );
  const paths = (rule.nonResourceURLs ?? []).flatMap((path) =>
    (rule.verbs ?? []).map((verb): PolicyRule => ({ nonResourceURLs: [path], verbs: [verb] })),
  );
  return [...resources, ...paths];
}

function covers(rule: PolicyRule, atom: PolicyRule): boolean {
  const all = (set: readonly string[] | null | undefined, wanted: readonly string[] | null | undefined): boolean =>
    set?.includes("*") === true || (wanted ?? []).every((one) => set?.includes(one));
  const names = rule.resourceNames ?? [];
  const isNamed = names.length > 0 && !(atom.resourceNames ?? []).every((name) => names.includes(name));
  if (isNamed || (names.length > 0 && (atom.resourceNames ?? []).length === 0)) return false;
  return (
    all(rule.verbs, atom.verbs) &&
    all(rule.apiGroups, atom.apiGroups) &&
    (atom.resources ?? []).every((resource) => coversResource(rule.resources ?? [], resource)) &&
    (atom.nonResourceURLs ?? []).every((path) => coversPath(rule.nonResourceURLs ?? [], path))
  );
}

function coversResource(held: readonly string[], wanted: string): boolean {
  const at = wanted.indexOf("/");
  return held.includes("*") || held.includes(wanted) || (at >= 0 && held.includes(`*${wanted.slice(at)}`));
}

function coversPath(held: readonly string[], wanted: string): boolean {
  return held.some((path) => path === wanted || (path.endsWith("*") && wanted.startsWith(withoutEnd(path, "*"))));
}

/** One line a rule, sorted: `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`; verbs of one resource together. */
export function describeRules(rules: readonly PolicyRule[]): string {
  const merged = new Map<string, PolicyRule>();
  for (const rule of rules) {
    const { verbs, ...where } = rule;
    const key = JSON.stringify(rule.nonResourceURLs === undefined ? where : rule);
    merged.set(key, { ...rule, verbs: [...(merged.get(key)?.verbs ?? []), ...(verbs ?? [])] });
  }
  return [...new Set([...merged.values()].map(describe))].sort().join("\n");
}

function describe(rule: PolicyRule): string {
  const parts = [
    ["APIGroups", rule.apiGroups],
    ["Resources", rule.resources],
    ["NonResourceURLs", rule.nonResourceURLs],
    ["ResourceNames", rule.resourceNames],
    ["Verbs", rule.verbs],
  ] as const;
  const shown = parts.flatMap(([name, values]) => ((values ?? []).length > 0 ? [`${name}:${goList(values!)}`] : []));
  return `{${shown.join(", ")}}`;
}

/** A list of strings as Go's %q prints it. */
export function goList(values: readonly string[]): string {
  return `[${values.map(goQuote).join(" ")}]`;
}
