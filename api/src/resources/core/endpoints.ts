import type { Unstructured } from "../../object.ts";
import { CORE } from "../../validation/core/rules.ts";
import { endpointsWarnings } from "../../warnings/networking.ts";
import { created, name, or, shortList } from "../cells.ts";
import type { Resource } from "../resource.ts";

/** Endpoints: v1. */
export const endpoints: Resource = {
  group: "",
  resource: "endpoints",
  createOnUpdate: true,
  rules: CORE["/Endpoints"],
  warnings: endpointsWarnings,
  cells: (object, now) => [name(object), endpointsText(object), created(object, now)],
  versions: { v1: { lifetime: { since: 33, use: "discovery.k8s.io/v1 EndpointSlice" } } },
};

function endpointsText(object: Unstructured): string {
  const { subsets } = object as {
    subsets?: readonly { addresses?: readonly { ip?: string }[]; ports?: readonly { port?: number }[] }[];
  };
  const all = (subsets ?? []).flatMap(({ addresses, ports }) =>
    (addresses ?? []).flatMap(({ ip }) =>
      (ports ?? []).length === 0 ? [ip ?? ""] : (ports ?? []).map(({ port }) => `${ip}:${port}`),
    ),
  );
  return or(shortList(all));
}
