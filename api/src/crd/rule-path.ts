import type { Schema } from "../schema.ts";

const STEP = /^(?:\.([^.[\]]+)|\['((?:[^'\\]|\\.)*)'\])/;

/**
 * The field that a rule's fieldPath names, below the node: ".spec['a.b']" is "spec[a.b]" of a map; undefined where the schema
 * has no such field.
 */
export function fieldPathOf(path: string, schema: Schema): string | undefined {
  let [rest, node, out] = [path, schema, ""];
  while (rest !== "") {
    const match = STEP.exec(rest);
    if (match === null) return undefined;
    const name = match[1] ?? match[2]!.replace(/\\(.)/g, "$1");
    if (node.kind === "object") {
      const field = node.fields.get(name);
      if (field === undefined) return undefined;
      node = field.schema;
      out += out === "" ? name : `.${name}`;
    } else if (node.kind === "map") {
      node = node.values;
      out += `[${name}]`;
    } else return undefined;
    rest = rest.slice(match[0].length);
  }
  return out;
}
