import { listAt, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** ComponentStatus: v1. */
export const componentstatuses: Resource = {
  group: "",
  resource: "componentstatuses",
  isVirtual: true,
  cells: (object) => {
    const healthy = listAt(object, "conditions").find(({ type }) => type === "Healthy");
    const state = { True: "Healthy", False: "Unhealthy" }[textAt(healthy, "status")] ?? "Unknown";
    return [name(object), state, textAt(healthy, "message"), textAt(healthy, "error")];
  },
};
