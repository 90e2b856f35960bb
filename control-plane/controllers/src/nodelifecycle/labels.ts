import type { Node } from "@tsukube/api/types/core-v1";

/** Old names of labels that old clients look for. */
const OLD_NAMES = {
  "beta.kubernetes.io/os": "kubernetes.io/os",
  "beta.kubernetes.io/arch": "kubernetes.io/arch",
} as const;

/** Pure: labels to write so that both names of each say the same; undefined when they do. */
export function oldLabels({ metadata }: Node): Readonly<Record<string, string>> | undefined {
  const { labels = {} } = metadata ?? {};
  const wrong = Object.entries(OLD_NAMES).flatMap(([old, name]) => {
    const value = labels[name];
    return value === undefined || labels[old] === value ? [] : [[old, value] as const];
  });
  return wrong.length === 0 ? undefined : Object.fromEntries(wrong);
}
