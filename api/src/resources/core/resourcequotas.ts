import { CORE } from "../../validation/core/rules.ts";
import { quotaWarnings } from "../../warnings/cluster.ts";
import { onlyNew } from "../../warnings/warner.ts";
import { created, name } from "../cells.ts";
import type { Resource } from "../resource.ts";

/** ResourceQuota: v1. */
export const resourcequotas: Resource = {
  group: "",
  resource: "resourcequotas",
  returnsDeleted: true,
  rules: CORE["/ResourceQuota"],
  warnings: onlyNew(quotaWarnings),
  cells: (object, now) => {
    const { hard = {}, used = {} } = (object["status"] ?? {}) as {
      readonly hard?: Readonly<Record<string, string>>;
      readonly used?: Readonly<Record<string, string>>;
    };
    const isLimit = (resource: string): boolean => resource.startsWith("limits.");
    const shown = (wanted: boolean): string =>
      Object.keys(hard)
        .filter((resource) => isLimit(resource) === wanted)
        .sort()
        .map((resource) => `${resource}: ${used[resource] ?? 0}/${hard[resource]}`)
        .join(", ");
    return [name(object), shown(false), shown(true), created(object, now)];
  },
};
