import type { IncomingMessage } from "node:http";
import type { Duplex, Readable } from "node:stream";

/** What a connection carries. */
export interface StreamsOptions {
  readonly terminal: boolean;
  readonly stdin: boolean;
  readonly resize: (columns: number, rows: number) => Promise<unknown>;
}

/**
 * Connects this process's standard streams with those of a container, until the container's end. With a terminal, keys go through as
 * they are typed, and its size follows ours.
 */
export async function connectStreams(connection: Duplex, options: StreamsOptions): Promise<void> {
  const { terminal, stdin } = options;
  const isRaw = terminal && stdin && process.stdin.isTTY === true;
  const resize = (): void => {
    const { columns, rows } = process.stdout;
    if (columns > 0 && rows > 0) void options.resize(columns, rows).catch(() => {}); // it does not run yet, or any more
  };
  if (isRaw) process.stdin.setRawMode(true);
  if (terminal && process.stdout.isTTY === true) process.stdout.on("resize", resize);
  try {
    if (stdin) process.stdin.pipe(connection);
    else connection.end();
    await forward(connection, terminal);
  } finally {
    process.stdout.off("resize", resize);
    if (isRaw) process.stdin.setRawMode(false);
    process.stdin.unpipe(connection).pause();
    process.stdin.unref?.();
  }
}

/** Writes what a connection or an answer carries to our standard output and error. */
export async function forward(source: Readable | IncomingMessage, terminal: boolean): Promise<void> {
  let rest = Buffer.alloc(0);
  for await (const part of source) {
    if (terminal) {
      process.stdout.write(part as Buffer);
      continue;
    }
    rest = Buffer.concat([rest, part as Buffer]);
    // Engine API, "Stream format": byte 0 is the stream, bytes 4 to 7 the length
    while (rest.length >= 8 && rest.length >= 8 + rest.readUInt32BE(4)) {
      const end = 8 + rest.readUInt32BE(4);
      (rest[0] === 2 ? process.stderr : process.stdout).write(rest.subarray(8, end));
      rest = rest.subarray(end);
    }
  }
}
