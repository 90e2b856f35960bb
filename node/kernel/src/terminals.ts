import { closeSync, openSync } from "node:fs";
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
      const size = Buffer.alloc(8);
      size.writeUInt16LE(rows, 0);
      size.writeUInt16LE(columns, 2);
      if (!stream.destroyed) check(libc(IOCTL)(master, TIOCSWINSZ, size), "resize a terminal");
    },
    closeProgramSide: () => closeSync(programSide),
  };
}
