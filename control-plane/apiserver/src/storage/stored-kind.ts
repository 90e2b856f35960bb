import { type GroupVersionKind, parseApiVersion } from "@tsukube/api";

/** Type meta stands within so many bytes, but for custom resources with much before their kind. */
const HEAD = 300;

/** The kind that stored JSON names at its head; empty where it names none there. */
export function kindOfStored(bytes: Uint8Array): GroupVersionKind {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, HEAD)).toString("latin1");
  const apiVersion = /"apiVersion":"([^"]*)"/.exec(head)?.[1] ?? "";
  const kind = /"kind":"([^"]*)"/.exec(head)?.[1] ?? "";
  return { ...parseApiVersion(apiVersion), kind };
}
