import { NETWORKING } from "../../validation/groups/networking.ts";
import { sliceWarnings } from "../../warnings/networking.ts";
import { created, name, or, shortList } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** EndpointSlice: discovery.k8s.io/v1. */
export const endpointslices: Resource = {
  group: "discovery.k8s.io",
  resource: "endpointslices",
  generation: true,
  rules: NETWORKING["discovery.k8s.io/EndpointSlice"],
  warnings: (slice: never, old) => sliceWarnings(slice, old === undefined),
  cells: (object, now) => {
    const { ports, endpoints } = object as {
      ports?: readonly { port?: number }[];
      endpoints?: readonly { addresses?: readonly string[] }[];
    };
    const addresses = (endpoints ?? []).flatMap((endpoint) => endpoint.addresses ?? []);
    return [
      name(object),
      textAt(object, "addressType"),
      or((ports ?? []).map(({ port }) => port).join(","), "<unset>"),
      or(shortList(addresses), "<unset>"),
      created(object, now),
    ];
  },
};
