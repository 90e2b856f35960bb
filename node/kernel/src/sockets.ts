import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { constants } from "node:os";
import { check, lastError, libc } from "./libc.ts";
import type { Namespaces } from "./namespaces.ts";

const SOCKET = "int socket(int domain, int type, int protocol)";
const CONNECT = "int connect(int fd, const uint8_t *address, unsigned int length)";
const RECV = "long recv(int fd, _Out_ uint8_t *buffer, unsigned long length, int flags)";
const SEND = "long send(int fd, const uint8_t *buffer, unsigned long length, int flags)";
const SHUTDOWN = "int shutdown(int fd, int how)";
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/** A connected SOCK_SEQPACKET socket, which Node's own sockets cannot be: conmon's attach socket. Never blocks. */
export class PacketSocket {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(64 * 1024);
  #closed = false;

  /** @throws with the errno's name as `code`, such as ENOENT or ECONNREFUSED. */
  constructor(path: string) {
    const fd = check(libc(SOCKET)(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "make a socket");
    try {
      const address = unixAddress(path);
      check(libc(CONNECT)(fd, address, address.length), `connect to "${path}"`);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    this.#fd = fd;
  }

  /** The next packet; "empty" when there is none yet, "closed" when there will be none. */
  receive(): Buffer | "empty" | "closed" {
    if (this.#closed) return "closed";
    const length = Number(libc(RECV)(this.#fd, this.#buffer, this.#buffer.length, MSG_DONTWAIT));
    if (length > 0) return Buffer.from(this.#buffer.subarray(0, length));
    if (length === 0) return "closed";
    const code = lastError();
    // the kernel tells once that the other side left something unread, before what that had sent
    if (code === "ECONNRESET") return this.receive();
    return code === "EAGAIN" || code === "EINTR" || code === "EWOULDBLOCK" ? "empty" : "closed";
  }

  /** False when the receiver is full: try again later. */
  send(packet: Uint8Array): boolean {
    if (this.#closed) return true;
    const sent = Number(libc(SEND)(this.#fd, packet, packet.length, MSG_DONTWAIT | MSG_NOSIGNAL));
    if (sent >= 0) return true;
    return lastError() !== "EAGAIN";
  }

  /** Half-closes: the other side reads the end of input. */
  end(): void {
    if (!this.#closed) libc(SHUTDOWN)(this.#fd, 1);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#fd);
  }
}

/** Connects to a port as a process inside the network namespace would; the socket is an ordinary one of Node's. */
export function connectWithin(namespaces: Namespaces, netns: string, address: string, port: number): Socket {
  const family = address.includes(":") ? AF_INET6 : AF_INET;
  const fd = namespaces.within(netns, () =>
    check(libc(SOCKET)(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "make a socket"),
  );
  const socket = new Socket({ fd, allowHalfOpen: true });
  socket.connect({ host: address, port, family: family === AF_INET6 ? 6 : 4 });
  return socket;
}

/** struct sockaddr_un (unix(7)). */
function unixAddress(path: string): Uint8Array {
  const name = Buffer.from(path);
  if (name.length > 107) check(-1, `connect to "${path}": longer than the 107 bytes of an address`);
  const address = new Uint8Array(110);
  address[0] = AF_UNIX;
  address.set(name, 2);
  return address;
}

/** Signal numbers by name ("SIGTERM"). */
export const signals: Readonly<Record<string, number>> = constants.signals;
