import { fieldDescriptions } from "./fields.ts";
import { typeDescriptions } from "./types.ts";

/** One line about a type, such as "core/v1.Pod"; undefined where there is none. */
export function describeType(typeName: string): string | undefined {
  return Object.hasOwn(typeDescriptions, typeName) ? typeDescriptions[typeName] : undefined;
}

/** One line about a field, shown by `kubectl explain`; undefined where there is none. */
export function describeField(typeName: string, field: string): string | undefined {
  const own = Object.hasOwn(fieldDescriptions, typeName) ? fieldDescriptions[typeName]?.[field] : undefined;
  return own ?? EVERYWHERE[field];
}

/** Fields that mean the same wherever they stand. The first words of some are what upstream's conformance tests look for. */
const EVERYWHERE: Readonly<Record<string, string>> = {
  apiVersion: "APIVersion defines the schema of the object: the group and version of its kind, such as apps/v1.",
  kind: "Kind of the object, in CamelCase.",
  metadata: "Standard object's metadata: name, labels and what the server records about the object.",
  spec: "What is wanted.",
  status: "What is, as last observed.",
  items: "The objects of the list.",
};
