import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** One field of facts/kinds.json. */
interface FactField {
  readonly name: string;
  readonly type: string;
  readonly inline?: 1;
  readonly req?: 1;
  readonly enum?: readonly string[];
}
interface FactType {
  readonly fields?: readonly FactField[];
  readonly items?: { readonly type: string };
}

const SCALARS: Readonly<Record<string, string>> = {
  string: "string",
  int32: "number",
  int64: "number",
  double: "number",
  bool: "boolean",
  bytes: "string",
  quantity: "string",
  intOrString: "number | string",
  time: "string",
  microTime: "string",
  duration: "string",
  fieldsV1: "unknown",
  raw: "unknown",
  any: "unknown",
};

/** TypeScript types of every built-in kind, one module per group and version, from facts/kinds.json. Text by file name. */
export function generateTypes(root: string): Map<string, string> {
  const typesOf = (file: string): Record<string, FactType> =>
    (JSON.parse(readFileSync(join(root, "api", file), "utf8")) as { types: Record<string, FactType> }).types;
  const types = { ...typesOf("facts/kinds.json"), ...typesOf("generated/declared.json") };
  const modules = new Map<string, string[]>();
  const imports = new Map<string, Set<string>>();
  for (const [name, type] of Object.entries(types)) {
    const home = moduleOf(name);
    const lines = modules.get(home) ?? [];
    modules.set(home, lines);
    const needs = imports.get(home) ?? new Set();
    imports.set(home, needs);
    const reference = (type: string): string => referenceTo(type, home, needs, types);
    if (type.items !== undefined) {
      lines.push(`export type ${nameOf(name)} = readonly ${reference(type.items.type)}[];`);
      continue;
    }
    const bases = (type.fields ?? []).filter((field) => field.inline === 1 && types[field.type] !== undefined);
    const heritage = bases.length === 0 ? "" : ` extends ${bases.map((field) => reference(field.type)).join(", ")}`;
    lines.push(`export interface ${nameOf(name)}${heritage} {`);
    for (const field of type.fields ?? []) {
      if (field.inline === 1) continue;
      const key = /^[A-Za-z_$][\w$]*$/.test(field.name) ? field.name : JSON.stringify(field.name);
      lines.push(`  readonly ${key}${field.req === 1 ? "" : "?"}: ${reference(field.type)};`);
    }
    lines.push("}");
  }
  const out = new Map<string, string>();
  for (const [home, lines] of modules) {
    const header = ["// Generated from facts/kinds.json by tools/src/generate-types.ts. Do not edit."];
    for (const need of [...(imports.get(home) ?? [])].sort()) {
      header.push(`import type * as ${aliasOf(need)} from "./${need}.ts";`);
    }
    out.set(`${home}.ts`, `${[...header, ...lines].join("\n")}\n`);
  }
  return out;
}

function moduleOf(type: string): string {
  return type.slice(0, type.lastIndexOf(".")).replaceAll("/", "-");
}

function nameOf(type: string): string {
  return type.slice(type.lastIndexOf(".") + 1);
}

function aliasOf(module: string): string {
  return module.replaceAll(/[^A-Za-z0-9]/g, "_");
}

function referenceTo(type: string, home: string, needs: Set<string>, types: Record<string, FactType>): string {
  if (type.startsWith("[]")) return `readonly ${parenthesize(referenceTo(type.slice(2), home, needs, types))}[]`;
  if (type.startsWith("map:")) return `{ readonly [key: string]: ${referenceTo(type.slice(4), home, needs, types)} }`;
  const scalar = SCALARS[type];
  if (scalar !== undefined) return scalar;
  if (types[type] === undefined) return "unknown";
  const module = moduleOf(type);
  if (module === home) return nameOf(type);
  needs.add(module);
  return `${aliasOf(module)}.${nameOf(type)}`;
}

function parenthesize(type: string): string {
  return type.includes("|") || type.startsWith("readonly ") ? `(${type})` : type;
}

/** Writes the modules below `root`; removes what is no longer generated. */
export function writeTypes(root: string): void {
  const folder = join(root, "api/generated/types");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of generateTypes(root)) writeFileSync(join(folder, name), text);
}
