import { schemaOfType } from "../schema-of.ts";
import { JSON_SCHEMA_TYPE } from "./custom-types.ts";
import { type Plan, planOf } from "./plan.ts";

let schemaPlan: Plan | undefined;
let schemaListPlan: Plan | undefined;
let stringListPlan: Plan | undefined;

/** JSONSchemaProps, inside the types that are it or something else. */
export function jsonSchemaPlan(): Plan {
  schemaPlan ??= planOf(schemaOfType(JSON_SCHEMA_TYPE));
  return schemaPlan;
}

/** A list of JSONSchemaProps. */
export function schemasPlan(): Plan {
  schemaListPlan ??= planOf({ kind: "list", items: schemaOfType(JSON_SCHEMA_TYPE), listType: "atomic", mapKeys: [] });
  return schemaListPlan;
}

/** A list of strings. */
export function stringsPlan(): Plan {
  stringListPlan ??= planOf({
    kind: "list",
    items: { kind: "scalar", scalar: "string" },
    listType: "atomic",
    mapKeys: [],
  });
  return stringListPlan;
}
