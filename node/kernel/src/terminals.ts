import { closeSync, openSync, readlinkSync } from "node:fs";
import { ReadStream } from "node:tty";
import { check, libc } from "./libc.ts";

const IOCTL = "int ioctl(int fd, unsigned long request, _Inout_ uint8_t *argument)";
const TIOCGPTN = 0x80045430;
const TIOCSPTLCK = 0x40045431;
const TIOCSWINSZ = 0x5414;

/** A pseudo-terminal: what a program with a terminal talks to, and our end of it. */
export interface Terminal {
  /** Descriptor for the program's standard streams; close it with {@link closeProgramSide} once the program runs. */
  readonly programSide: number;
  readonly stream: ReadStream;
  resize(columns: number, rows: number): void;
  closeProgramSide(): void;
}

/** Opens a pseudo-terminal (pty(7)). */
export function openTerminal(): Terminal {
  const master = openSync("/dev/ptmx", "r+");
  const word = new Uint8Array(4);
  check(libc(IOCTL)(master, TIOCSPTLCK, word), "unlock a terminal");
  check(libc(IOCTL)(master, TIOCGPTN, word), "number a terminal");
  const number = Buffer.from(word).readUInt32LE(0);
  const noControllingTerminal = 0o400;
  const programSide = openSync(`/dev/pts/${number}`, 2 | noControllingTerminal);
  const stream = new ReadStream(master);
  stream.on("error", () => {}); // reading the master fails with EIO once the last program is gone: that is its end
  return {
    programSide,
    stream,
    resize(columns, rows) {
      if (!stream.destroyed) check(libc(IOCTL)(master, TIOCSWINSZ, winsize(columns, rows)), "resize a terminal");
    },
    closeProgramSide: () => closeSync(programSide),
  };
}

/** struct winsize (ioctl_tty(2)). */
function winsize(columns: number, rows: number): Uint8Array {
  const size = Buffer.alloc(8);
  size.writeUInt16LE(rows, 0);
  size.writeUInt16LE(columns, 2);
  return size;
}

/** Resizes the terminal of another process, whose namespaces may be others than ours; the kernel tells who runs in its foreground. */
export function resizeTerminalOf(pid: number, columns: number, rows: number): void {
  const path = `/proc/${pid}/fd/0`;
  const noControllingTerminal = 0o400;
  try {
    if (!readlinkSync(path).startsWith("/dev/")) return; // it has no terminal any more
    const terminal = openSync(path, 2 | noControllingTerminal);
    libc(IOCTL)(terminal, TIOCSWINSZ, winsize(columns, rows));
    closeSync(terminal);
  } catch {
    // it has ended
  }
}
