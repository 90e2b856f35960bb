import { ApiError } from "../status/api-error.ts";
import { goQuote } from "../status/field-error.ts";
import { managerIdentity } from "./managed-fields.ts";
import { pathText } from "./path.ts";
import type { FieldConflicts } from "./updater.ts";

interface Conflict {
  readonly manager: string;
  readonly path: string;
}

/** The 409 that names each field and its manager, worded as upstream. */
export function conflictError({ conflicts }: FieldConflicts): ApiError {
  const list = [...conflicts].flatMap(([id, set]) =>
    [...set.leaves().paths()].map((path): Conflict => ({ manager: managerText(id), path: pathText(path) })),
  );
  const causes = list.map(({ manager, path }) => ({
    reason: "FieldManagerConflict",
    message: `conflict with ${manager}`,
    field: path,
  }));
  return ApiError.applyConflict(causes, conflictMessage(list));
}

function conflictMessage(list: readonly Conflict[]): string {
  const only = list[0]!;
  if (list.length === 1) return `Apply failed with 1 conflict: conflict with ${only.manager}: ${only.path}`;
  const byManager = Map.groupBy(list, (conflict) => conflict.manager);
  const lines = [...byManager.keys()]
    .sort()
    .flatMap((manager) => [`conflicts with ${manager}:`, ...byManager.get(manager)!.map(({ path }) => `- ${path}`)]);
  return `Apply failed with ${list.length} conflicts: ${lines.join("\n")}`;
}

function managerText(id: string): string {
  const { manager, operation, apiVersion, subresource } = managerIdentity(id);
  const through = subresource === "" ? "" : ` with subresource ${goQuote(subresource)}`;
  return `${goQuote(manager)}${through}${operation === "Update" ? ` using ${apiVersion}` : ""}`;
}
