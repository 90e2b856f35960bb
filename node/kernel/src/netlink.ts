import { closeSync } from "node:fs";
import { TsukubeError } from "@tsukube/foundation";
import { check, errorName, libc, libcAside } from "./libc.ts";

/** An attribute of a netlink message (netlink(7)): bytes, or attributes nested in it. */
export type Attribute = readonly [type: number, value: Uint8Array | readonly Attribute[]];

const SOCKET = "int socket(int domain, int type, int protocol)";
const SEND = "long send(int fd, const uint8_t *message, unsigned long length, int flags)";
const RECEIVE = "long recv(int fd, _Out_ uint8_t *buffer, unsigned long length, int flags)";
const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const NETLINK_ROUTE = 0;
const HEADER = 16;
const NLMSG_ERROR = 2;
const NLA_NESTED = 0x8000;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;

/** A connection to the kernel's routing (rtnetlink(7)), for the network namespace in which it was opened. Each request takes well below a millisecond. */
export class RouteSocket {
  readonly #fd: number;
  readonly #answer = new Uint8Array(8192);
  #sequence = 0;

  constructor() {
    this.#fd = check(libc(SOCKET)(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_ROUTE), "open a netlink socket");
  }

  /**
   * Sends a request and waits for its acknowledgement.
   * @param what For errors: `add link "tk0-1"`. @throws {TsukubeError} with the errno's name as `code`.
   */
  request(what: string, type: number, flags: number, body: Uint8Array, attributes: readonly Attribute[]): void {
    const message = this.#message(type, flags, body, attributes);
    check(Number(libc(SEND)(this.#fd, message, message.length, 0)), what);
    this.#acknowledge(what);
  }

  /** The same for what the kernel takes its time for: making and removing links waits for whoever else does. */
  async requestAside(...[what, type, flags, body, attributes]: Parameters<RouteSocket["request"]>): Promise<void> {
    const message = this.#message(type, flags, body, attributes);
    const sent = Number(await libcAside(SEND)(this.#fd, message, message.length, 0));
    if (sent !== message.length)
      throw new TsukubeError("failed", `Cannot ${what}: the kernel did not take the request`);
    this.#acknowledge(what);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #message(type: number, flags: number, body: Uint8Array, attributes: readonly Attribute[]): Buffer {
    const payload = Buffer.concat([body, encodeAttributes(attributes)]);
    const header = Buffer.alloc(HEADER);
    header.writeUInt32LE(HEADER + payload.length, 0);
    header.writeUInt16LE(type, 4);
    header.writeUInt16LE(flags | NLM_F_REQUEST | NLM_F_ACK, 6);
    header.writeUInt32LE(++this.#sequence, 8);
    return Buffer.concat([header, payload]);
  }

  #acknowledge(what: string): void {
    const error = this.#acknowledgement(what);
    if (error === 0) return;
    const code = errorName(-error);
    throw new TsukubeError(code, `Cannot ${what}: the kernel answered ${code}`);
  }

  #acknowledgement(what: string): number {
    for (;;) {
      const length = check(Number(libc(RECEIVE)(this.#fd, this.#answer, this.#answer.length, 0)), what);
      const answer = Buffer.from(this.#answer.buffer, 0, length);
      for (let at = 0; at + HEADER <= length; at += aligned(answer.readUInt32LE(at))) {
        const isOurs = answer.readUInt32LE(at + 8) === this.#sequence;
        if (isOurs && answer.readUInt16LE(at + 4) === NLMSG_ERROR) return answer.readInt32LE(at + HEADER);
      }
    }
  }
}

/** Each with its length and type, filled up to four bytes. */
export function encodeAttributes(attributes: readonly Attribute[]): Buffer {
  return Buffer.concat(
    attributes.map(([type, value]) => {
      const nested = !(value instanceof Uint8Array);
      const content = nested ? encodeAttributes(value) : value;
      const whole = Buffer.alloc(aligned(4 + content.length));
      whole.writeUInt16LE(4 + content.length, 0);
      whole.writeUInt16LE(nested ? type | NLA_NESTED : type, 2);
      whole.set(content, 4);
      return whole;
    }),
  );
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

/** With the zero byte that ends names. */
export function name(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}
