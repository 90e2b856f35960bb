import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The part of a protobufjs JSON descriptor that is read here. */
interface Node {
  readonly nested?: Readonly<Record<string, Node>>;
  readonly fields?: Readonly<Record<string, FieldNode>>;
  readonly values?: Readonly<Record<string, number>>;
  readonly methods?: Readonly<Record<string, MethodNode>>;
}
interface FieldNode {
  readonly type: string;
  readonly rule?: string;
  readonly keyType?: string;
}
interface MethodNode {
  readonly requestType: string;
  readonly responseType: string;
  readonly requestStream?: boolean;
  readonly responseStream?: boolean;
}

const SCALARS: Readonly<Record<string, string>> = {
  string: "string",
  bool: "boolean",
  bytes: "Uint8Array",
  double: "number",
  float: "number",
  int32: "number",
  uint32: "number",
  sint32: "number",
  fixed32: "number",
  sfixed32: "number",
  int64: "number | string",
  uint64: "number | string",
  sint64: "number | string",
  fixed64: "number | string",
  sfixed64: "number | string",
};

/**
 * TypeScript interfaces of the messages and services of one package of a descriptor. As host's gRPC codec yields them:
 * enums are their names, int64 a decimal string or number, every field of a received message present but messages.
 */
export function generateGrpcTypes(descriptor: string, packageName: string): string {
  let node = JSON.parse(readFileSync(descriptor, "utf8")) as Node;
  for (const part of packageName.split(".")) node = node.nested?.[part] ?? {};
  const lines = ["// Generated from the gRPC descriptor by tools/src/generate-grpc-types.ts. Do not edit."];
  emit(node, "", packageName, lines);
  return `${lines.join("\n")}\n`;
}

function emit(node: Node, prefix: string, packageName: string, lines: string[]): void {
  for (const [name, child] of Object.entries(node.nested ?? {})) {
    const full = prefix + name;
    if (child.values !== undefined) {
      const names = Object.keys(child.values).map((value) => JSON.stringify(value));
      lines.push(`export type ${full} = ${names.join(" | ")};`);
    } else if (child.methods !== undefined) {
      lines.push(`export interface ${full} {`);
      for (const [method, { requestType, responseType, requestStream, responseStream }] of Object.entries(
        child.methods,
      )) {
        const from = typeOf(requestType, packageName);
        const to = typeOf(responseType, packageName);
        lines.push(
          `  ${method}: { request: ${from}; response: ${to}; requestStream: ${requestStream === true}; responseStream: ${responseStream === true} };`,
        );
      }
      lines.push("}");
    } else if (child.fields !== undefined) {
      lines.push(`export interface ${full} {`);
      for (const [field, { type, rule, keyType }] of Object.entries(child.fields)) {
        const base = typeOf(type, packageName);
        const wrapped = base.includes("|") ? `(${base})` : base;
        const shape =
          keyType !== undefined
            ? `{ readonly [key: string]: ${base} }`
            : rule === "repeated"
              ? `readonly ${wrapped}[]`
              : base;
        lines.push(`  readonly ${field}?: ${shape};`);
      }
      lines.push("}");
    }
    if (child.values === undefined) emit(child, full, packageName, lines);
  }
}

function typeOf(type: string, packageName: string): string {
  const scalar = SCALARS[type];
  if (scalar !== undefined) return scalar;
  const own = `.${packageName}.`;
  return type.startsWith(own) ? type.slice(own.length).replaceAll(".", "") : "unknown";
}

/** Writes node/contracts/generated. */
export function writeGrpcTypes(root: string): void {
  const contracts = join(root, "node/contracts");
  writeFileSync(
    join(contracts, "generated/cri.ts"),
    generateGrpcTypes(join(contracts, "facts/cri.json"), "runtime.v1"),
  );
  writeFileSync(join(contracts, "generated/csi.ts"), generateGrpcTypes(join(contracts, "facts/csi.json"), "csi.v1"));
}
