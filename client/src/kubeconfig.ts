import { createPrivateKey } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf, TsukubeError } from "@tsukube/foundation";
import { readIfPresent, writeAtomically } from "@tsukube/host";
import { parseDocument, YAMLMap, YAMLSeq } from "yaml";

/** A cluster, a user and the context that joins them, all under one name. PEM. */
export interface KubeconfigEntry {
  readonly name: string;
  /** "https://127.0.0.1:6443". */
  readonly server: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** The text of a kubeconfig with this one context. */
export function kubeconfigText(entry: KubeconfigEntry): string {
  return String(merged(parseDocument("{}"), entry));
}

/**
 * Puts the context into a kubeconfig beside what is there; comments and order stay. The current context is set only if there
 * was none. The file becomes 0600.
 * @throws {TsukubeError} `invalid` when the file is no kubeconfig: it is left as it is.
 */
export async function mergeKubeconfig(path: string, entry: KubeconfigEntry): Promise<void> {
  const before = (await readIfPresent(path))?.toString("utf8") ?? "";
  const text = String(merged(parsed(path, before), entry));
  if (text === before) return;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeAtomically(path, text, { mode: 0o600 });
}

/** Takes the context out again; a current context that pointed to it is unset. Does nothing where there is none. */
export async function removeFromKubeconfig(path: string, name: string): Promise<void> {
  const before = (await readIfPresent(path))?.toString("utf8");
  if (before === undefined) return;
  const document = parsed(path, before);
  for (const list of LISTS) {
    const items = document.get(list);
    if (items instanceof YAMLSeq)
      items.items = items.items.filter((item) => !(item instanceof YAMLMap && item.get("name") === name));
  }
  if (document.get("current-context") === name) document.set("current-context", "");
  const text = String(document);
  if (text !== before) await writeAtomically(path, text, { mode: 0o600 });
}

const LISTS = ["clusters", "users", "contexts"] as const;

type Document = ReturnType<typeof parseDocument>;

function parsed(path: string, text: string): Document {
  const document = parseDocument(text.trim() === "" ? "{}" : text);
  const isMap = document.contents === null || document.contents instanceof YAMLMap;
  if (document.errors.length > 0 || !isMap) {
    const why = document.errors[0] === undefined ? "not a mapping" : messageOf(document.errors[0]).split("\n")[0];
    throw new TsukubeError(
      "invalid",
      `Cannot read kubeconfig "${path}": ${why}, expected YAML with clusters, users and contexts; repair or move it`,
    );
  }
  return document;
}

function merged(document: Document, entry: KubeconfigEntry): Document {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const { name } = entry;
  if (document.contents instanceof YAMLMap) document.contents.flow = false;
  if (!document.has("apiVersion")) document.set("apiVersion", "v1");
  if (!document.has("kind")) document.set("kind", "Config");
  const values = {
    clusters: { name, cluster: { server: entry.server, "certificate-authority-data": base64(entry.ca) } },
    users: {
      name,
      user: { "client-certificate-data": base64(entry.cert), "client-key-data": base64(widelyRead(entry.key)) },
    },
    contexts: { name, context: { cluster: name, user: name } },
  };
  for (const list of LISTS) putNamed(document, list, values[list]);
  if ((document.get("current-context") ?? "") === "") document.set("current-context", name);
  return document;
}

/** fabric8's client takes an EC key for one of RSA unless it is in the form of SEC 1, which all others read, too. */
function widelyRead(pem: string): string {
  if (!pem.includes("-----BEGIN PRIVATE KEY-----")) return pem;
  const key = createPrivateKey(pem);
  return key.asymmetricKeyType === "ec" ? key.export({ type: "sec1", format: "pem" }).toString() : pem;
}

function putNamed(document: Document, list: string, value: { readonly name: string }): void {
  let items = document.get(list);
  if (!(items instanceof YAMLSeq)) {
    document.set(list, document.createNode([]));
    items = document.get(list);
  }
  const sequence = items as YAMLSeq;
  sequence.flow = false;
  const node = document.createNode(value);
  const at = sequence.items.findIndex((item) => item instanceof YAMLMap && item.get("name") === value.name);
  if (at < 0) sequence.items.push(node);
  else if (JSON.stringify(sequence.items[at]) !== JSON.stringify(node)) sequence.items[at] = node;
}
