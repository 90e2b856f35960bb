import { encodeJson, normalize, schemaOf, type Unstructured } from "@tsukube/api";
import type { RangeAllocation } from "@tsukube/api/types/core-v1";
import type { Mutation } from "@tsukube/store";
import { type CachedObject, indexOf } from "../storage/cached-object.ts";
import type { WatchCache } from "../storage/watch-cache.ts";

/** Where the node ports that are given are noted, as upstream does: two servers on one store cannot both write it. */
export const NODE_PORT_RECORD = "/registry/ranges/servicenodeports";

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** The range that a cluster has already, when others wrote it: an upstream cluster, or another of our control planes. */
export function storedNodePorts(cache: WatchCache): PortRange | undefined {
  if (!cache.store.isShared) return undefined;
  const { range = "" } = (cache.get(NODE_PORT_RECORD)?.object ?? {}) as Partial<RangeAllocation>;
  const [first, last] = range.split("-").map(Number);
  return first === undefined || last === undefined || !(first <= last) ? undefined : { first, last };
}

/** What is noted as given: the data is one number, its highest byte first, with a bit for each port of the range. */
export function notedPorts(cached: CachedObject | undefined): ReadonlySet<number> {
  const { range = "", data = "" } = (cached?.object ?? {}) as Partial<RangeAllocation>;
  const first = Number(range.split("-")[0]);
  const bytes = Buffer.from(data, "base64").reverse();
  const ports = new Set<number>();
  for (const [index, byte] of bytes.entries())
    for (let bit = 0; bit < 8; bit += 1) if ((byte >> bit) & 1) ports.add(first + index * 8 + bit);
  return ports;
}

/** Notes these ports in place of what was noted. What is outside of the range has no place there. */
export function noting(
  ports: Iterable<number>,
  { first, last }: PortRange,
  before: CachedObject | undefined,
): Mutation {
  const bytes = Buffer.alloc(Math.ceil((last - first + 1) / 8));
  for (const port of ports) {
    const offset = port - first;
    if (offset >= 0 && port <= last) bytes[offset >> 3]! |= 1 << (offset & 7);
  }
  const name = "servicenodeports";
  const record = {
    ...{ kind: "RangeAllocation", apiVersion: "v1", metadata: { name, uid: NODE_PORT_RECORD_UID } },
    ...{ range: `${first}-${last}`, data: bytes.reverse().toString("base64") },
  };
  const schema = schemaOf({ group: "", version: "v1", kind: "RangeAllocation" })!;
  const value = encodeJson(normalize<Unstructured>(record, schema).object, schema);
  const index = indexOf(value, NODE_PORT_RECORD_UID);
  return { type: "put", key: NODE_PORT_RECORD, value, index, expected: before?.revision ?? "absent" };
}

/** It is served nowhere, but whatever lies in the cache has one. */
export const NODE_PORT_RECORD_UID = "servicenodeports";
