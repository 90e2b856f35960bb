import type { Event, KeyValue } from "../generated/etcd.ts";
import type { StoredRecord, StoreEvent } from "./store.ts";

const NO_INDEX = new Uint8Array(0);

/** How keys of the store lie in etcd: behind a namespace; and which of them is our own. */
export class EtcdKeys {
  readonly #namespace: string;
  readonly #root: string;
  /** Written to have an event where etcd answers no progress requests; nobody sees it as a record. */
  readonly tick: Buffer;

  /** @param root What the empty prefix means, such as "/registry/": all else in etcd is not ours. */
  constructor(namespace: string, root: string) {
    this.#namespace = namespace;
    this.#root = root;
    this.tick = this.encode(`${root}tsukube.local/tick`);
  }

  encode(key: string): Buffer {
    return Buffer.from(this.#namespace + key);
  }

  decode(key: Uint8Array): string {
    return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("utf8", Buffer.byteLength(this.#namespace));
  }

  /** Everything that begins with `prefix`, from `start` on. */
  bounds(prefix: string, start = ""): { readonly key: Buffer; readonly rangeEnd: Buffer } {
    const whole = prefix.startsWith(this.#root) ? prefix : this.#root;
    const first = this.encode(whole);
    const from = this.encode(start);
    return { key: Buffer.compare(from, first) > 0 ? from : first, rangeEnd: afterAll(first) };
  }

  isTick(key: Uint8Array | undefined): boolean {
    return key !== undefined && this.tick.equals(key);
  }

  recordOf(kv: KeyValue): StoredRecord {
    return {
      key: this.decode(kv.key!),
      value: kv.value ?? NO_INDEX,
      index: NO_INDEX,
      revision: Number(kv.modRevision),
      createRevision: Number(kv.createRevision),
    };
  }

  /** @returns undefined for the tick; "lost" when what a deletion removed is compacted. */
  eventOf(event: Event, revision: number): StoreEvent | "lost" | undefined {
    const { kv, prevKv } = event;
    if (kv === undefined || this.isTick(kv.key)) return undefined;
    const previous = prevKv === undefined || prevKv === null ? undefined : this.recordOf(prevKv);
    if (event.type !== "DELETE") return { type: "put", record: this.recordOf(kv), previous };
    return previous === undefined ? "lost" : { type: "delete", key: this.decode(kv.key!), revision, previous };
  }
}

/** The first key after all that begin with `prefix`. */
function afterAll(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  for (let at = end.length - 1; at >= 0; at -= 1) {
    if (end[at]! < 0xff) {
      end[at] = end[at]! + 1;
      return end.subarray(0, at + 1);
    }
  }
  return Buffer.of(0);
}
