import { closeSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { check, libc } from "./libc.ts";
import { PacketSocket } from "./sockets.ts";

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;

/** The other side, as conmon is. */
class Listener {
  readonly #fd = check(
    libc("int socket(int domain, int type, int protocol)")(AF_UNIX, SOCK_SEQPACKET, 0),
    "make a socket",
  );

  constructor(path: string) {
    const address = new Uint8Array(110);
    address[0] = AF_UNIX;
    address.set(Buffer.from(path), 2);
    check(libc("int bind(int fd, const uint8_t *address, unsigned int length)")(this.#fd, address, 110), "bind");
    check(libc("int listen(int fd, int backlog)")(this.#fd, 10), "listen");
  }

  accept(): number {
    return check(libc("int accept(int fd, void *address, void *length)")(this.#fd, null, null), "accept");
  }

  close(): void {
    closeSync(this.#fd);
  }
}

const send = (fd: number, text: string): void => {
  const bytes = Buffer.from(text);
  check(
    libc("long send(int fd, const uint8_t *buffer, unsigned long length, int flags)")(fd, bytes, bytes.length, 0),
    "send",
  );
};

let folder: string;
let listener: Listener;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tsukube-sockets-"));
  listener = new Listener(join(folder, "s"));
});
afterEach(() => {
  listener.close();
  rmSync(folder, { recursive: true });
});

test("packets come whole and in order, then the end", () => {
  const socket = new PacketSocket(join(folder, "s"));
  const other = listener.accept();
  expect(socket.receive()).toBe("empty");
  send(other, "a");
  send(other, "bc");
  closeSync(other);
  expect([socket.receive(), socket.receive(), socket.receive()].map(String)).toEqual(["a", "bc", "closed"]);
  socket.close();
  expect(socket.receive()).toBe("closed");
});

test("what was sent before the other side left without reading is still received", () => {
  const socket = new PacketSocket(join(folder, "s"));
  const other = listener.accept();
  expect(socket.send(Buffer.from("input that nobody reads"))).toBe(true);
  send(other, "output");
  closeSync(other);
  expect([socket.receive(), socket.receive()].map(String)).toEqual(["output", "closed"]);
  socket.close();
});
