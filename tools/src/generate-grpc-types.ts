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
 * TypeScript interfaces of the messages and services of packages of a descriptor, whose names must not meet. As host's gRPC codec yields them:
 * enums are their names, int64 a decimal string or number, every field of a received message present but messages.
 */
export function generateGrpcTypes(descriptor: string, ...packages: readonly string[]): string {
  const root = JSON.parse(readFileSync(descriptor, "utf8")) as Node;
  const lines = ["// Generated from the gRPC descriptor by tools/src/generate-grpc-types.ts. Do not edit."];
  for (const name of packages) {
    let node = root;
    for (const part of name.split(".")) node = node.nested?.[part] ?? {};
    emit(node, "", packages, lines);
  }
  return `${lines.join("\n")}\n`;
}

function emit(node: Node, prefix: string, packages: readonly string[], lines: string[]): void {
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
        const from = typeOf(requestType, packages);
        const to = typeOf(responseType, packages);
        lines.push(
          `  ${method}: { request: ${from}; response: ${to}; requestStream: ${requestStream === true}; responseStream: ${responseStream === true} };`,
        );
      }
      lines.push("}");
    } else if (child.fields !== undefined) {
      lines.push(`export interface ${full} {`);
      for (const [field, { type, rule, keyType }] of Object.entries(child.fields)) {
        const base = typeOf(type, packages);
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
    if (child.values === undefined) emit(child, full, packages, lines);
  }
}

function typeOf(type: string, packages: readonly string[]): string {
  const scalar = SCALARS[type];
  if (scalar !== undefined) return scalar;
  const own = packages.map((name) => `.${name}.`).find((prefix) => type.startsWith(prefix));
  return own === undefined ? "unknown" : type.slice(own.length).replaceAll(".", "");
}

/** Writes the generated folders beside descriptors. */
export function writeGrpcTypes(root: string): void {
  const contracts = join(root, "node/contracts");
  writeFileSync(
    join(contracts, "generated/cri.ts"),
    generateGrpcTypes(join(contracts, "facts/cri.json"), "runtime.v1"),
  );
  writeFileSync(join(contracts, "generated/csi.ts"), generateGrpcTypes(join(contracts, "facts/csi.json"), "csi.v1"));
  const store = join(root, "control-plane/store");
  const etcd = generateGrpcTypes(join(store, "facts/etcd.json"), "etcdserverpb", "mvccpb", "authpb");
  writeFileSync(join(store, "generated/etcd.ts"), etcd);
  const apiserver = join(root, "control-plane/apiserver");
  writeFileSync(join(apiserver, "generated/kms-v2.ts"), generateGrpcTypes(join(apiserver, "facts/kms-v2.json"), "v2"));
}
