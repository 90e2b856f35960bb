import { decodeUnstructured, jsonHasMember, jsonMemberAt, jsonScalarAt, type KubeObject } from "@tsukube/api";
import type { ObjectMeta, Status } from "@tsukube/api/types/meta-v1";

type Member = keyof ObjectMeta;

interface Decoded {
  readonly type: string;
  readonly object: KubeObject & Status;
}

/** An event of a watch that asked for metadata alone. Only what is asked of it is decoded. */
export class MetadataEvent {
  readonly #line: Uint8Array;
  /** Where metadata begins; undefined: it has to be decoded. */
  readonly #at: number | undefined;
  #decoded: Decoded | undefined;

  /** @param line JSON. */
  constructor(line: Uint8Array) {
    const at = jsonMemberAt(line, 0, ["object", "metadata"]);
    this.#line = line;
    this.#at = at === -1 ? undefined : at;
  }

  /** "ADDED", "MODIFIED", "DELETED", "BOOKMARK" or "ERROR". */
  get type(): string {
    const at = jsonMemberAt(this.#line, 0, ["type"]) ?? -1;
    return (at < 0 ? undefined : jsonScalarAt(this.#line, at)) ?? this.decoded.type;
  }

  /** Whether there is one of these members. */
  has(members: readonly Member[]): boolean {
    const found = this.#at === undefined ? undefined : jsonHasMember(this.#line, this.#at, members);
    return found ?? members.some((member) => this.metadata[member] !== undefined);
  }

  /** A scalar as text, "" where there is none. */
  text(member: Member): string {
    const at = this.#at === undefined ? undefined : jsonMemberAt(this.#line, this.#at, [member]);
    if (at === -1) return "";
    return (at === undefined ? undefined : jsonScalarAt(this.#line, at)) ?? String(this.metadata[member] ?? "");
  }

  get metadata(): ObjectMeta {
    return this.decoded.object.metadata ?? {};
  }

  get decoded(): Decoded {
    this.#decoded ??= decodeUnstructured<Decoded>(this.#line, { collectProblems: false }).object;
    return this.#decoded;
  }
}
