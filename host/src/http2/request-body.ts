import { TsukubeError } from "@tsukube/foundation";

const EMPTY = new Uint8Array(0);

/** Someone who waits for the whole body. */
interface Reader {
  readonly limit: number;
  readonly resolve: (body: Uint8Array) => void;
  readonly reject: (error: TsukubeError) => void;
}

/** The body of one request as it comes. */
export class RequestBody {
  /** Bytes that the client may send. */
  window: number;
  /** Bytes that were taken since it was told so. */
  taken = 0;
  readonly #declared: number | undefined;
  #pieces: Uint8Array[] = [];
  #size = 0;
  #received = 0;
  #state: "open" | "whole" | "broken" = "open";
  #reader: Reader | undefined;
  /** Of who takes it piece by piece. */
  #waiting: PromiseWithResolvers<boolean> | undefined;
  #isRefused = false;

  /** @param declared What `content-length` says. */
  constructor(window: number, declared: number | undefined) {
    this.window = window;
    this.#declared = declared;
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Whether somebody wants it: only then the client is told to send more. */
  get isWanted(): boolean {
    return this.#reader !== undefined;
  }

  /** Bytes that came, which nobody has asked for yet. */
  get unread(): number {
    return this.#size;
  }

  /** @returns false for more bytes than were declared. */
  add(piece: Uint8Array): boolean {
    this.#received += piece.length;
    if (this.#declared !== undefined && this.#received > this.#declared) return false;
    const reader = this.#reader;
    if (piece.length === 0 || this.#isRefused) return true;
    this.#pieces.push(piece);
    this.#size += piece.length;
    this.#waiting?.resolve(true);
    if (reader !== undefined && this.#size > reader.limit) this.#refuse(reader);
    return true;
  }

  /** @returns false for fewer bytes than were declared. */
  end(): boolean {
    if (this.#declared !== undefined && this.#received !== this.#declared) return false;
    this.#state = "whole";
    this.#reader?.resolve(this.#taken());
    this.#waiting?.resolve(this.#pieces.length > 0);
    return true;
  }

  /** The client is gone, or the request has been answered. */
  break(): void {
    if (this.#state === "open") this.#state = "broken";
    this.#pieces = [];
    this.#reader?.reject(aborted());
    this.#waiting?.reject(aborted());
  }

  /** The next piece of what has come. */
  take(): Uint8Array | undefined {
    const piece = this.#pieces.shift();
    this.#size -= piece?.length ?? 0;
    return piece;
  }

  /** Waits for what is still to come. @returns false at the end. @throws {TsukubeError} `aborted`. */
  async hasMore(): Promise<boolean> {
    if (this.#state === "broken") throw aborted();
    if (this.#pieces.length > 0 || this.#state === "whole") return this.#pieces.length > 0;
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  /** Undefined: it is not known whole yet. @throws {TsukubeError} `too-large`, `aborted`. */
  known(limit: number): Uint8Array | undefined {
    if (this.#state === "broken") throw aborted();
    if (this.#isRefused || this.#size > limit) throw tooLarge(limit);
    return this.#state === "whole" ? this.#taken() : undefined;
  }

  /** @throws {TsukubeError} `too-large`, `aborted`. */
  whole(limit: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#reader = { limit, resolve, reject };
    });
  }

  /** The rest is read and forgotten: the client may be one that reads its answer when it has sent all. */
  #refuse(reader: Reader): void {
    this.#isRefused = true;
    this.#pieces = [];
    reader.reject(tooLarge(reader.limit));
  }

  #taken(): Uint8Array {
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces.length === 0 ? EMPTY : pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, this.#size);
  }
}

function tooLarge(limit: number): TsukubeError {
  return new TsukubeError("too-large", `Cannot read the body: over ${limit} bytes, expected at most that`);
}

function aborted(): TsukubeError {
  return new TsukubeError("aborted", "Cannot read the body: the client closed the connection");
}
