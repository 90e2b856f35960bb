import { CORE } from "../../validation/core/rules.ts";
import type { Resource } from "../resource.ts";

/** Binding: v1. */
export const bindings: Resource = {
  group: "",
  resource: "bindings",
  isVirtual: true,
  rules: CORE["/Binding"],
};
