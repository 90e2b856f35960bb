import { base64OfBytes } from "../codec/base64.ts";
import type { Node } from "./definitions.ts";

/**
 * Gathers the parameters that operations of a Swagger document share, named after a hash of what they say. Names of objects
 * and bodies of a kind stay where they are, as do the two parameters by which old clients see what a server can do.
 */
export class SharedParameters {
  readonly #names = new Map<string, string>();
  readonly #nodes: Record<string, Node> = {};

  /** The parameter, or a reference to it. */
  place(parameter: Node): Node {
    if (!isShared(parameter)) return parameter;
    const text = JSON.stringify(parameter);
    let name = this.#names.get(text);
    if (name === undefined) {
      name = `${parameter["name"]}-${hashOf(text)}`;
      this.#names.set(text, name);
      this.#nodes[name] = parameter;
    }
    return { $ref: `#/parameters/${name}` };
  }

  /** Every parameter that was shared, by name. */
  all(): Node {
    return Object.fromEntries(Object.entries(this.#nodes).sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

const EXPECTED_IN_PLACE = new Set(["fieldValidation", "dryRun"]);

function isShared(parameter: Node): boolean {
  const name = String(parameter["name"]);
  if (parameter["in"] !== "body") return name !== "name" && !EXPECTED_IN_PLACE.has(name);
  const { $ref } = parameter["schema"] as { readonly $ref?: string };
  return $ref?.startsWith("#/definitions/io.k8s.apimachinery") ?? false;
}

const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;

/** FNV-1, 64 bits: the first 6 bytes in the alphabet of URLs. */
function hashOf(text: string): string {
  let hash = FNV_OFFSET;
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, hash * FNV_PRIME) ^ BigInt(byte);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, hash);
  return base64OfBytes(bytes.subarray(0, 6)).replaceAll("+", "-").replaceAll("/", "_");
}
