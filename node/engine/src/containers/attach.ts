import { closeSync, openSync } from "node:fs";
import { PassThrough, Writable } from "node:stream";
import type { Clock } from "@tsukube/foundation";
import { PacketSocket } from "@tsukube/kernel";
import type { StreamedProcess, WantedStreams } from "../streaming/streamed-process.ts";
import { tellConmon } from "./conmon.ts";

/** conmon's names for streams in the first byte of a packet. */
const STDOUT = 2;
const STDERR = 3;
/** conmon reads packets of at most this size; what is longer would be cut. */
const MAX_PACKET = 8192;
/** A packet socket cannot wait in Node's loop: it is looked at often while it is busy, less while it is quiet. */
const BUSY_MS = 3;
const QUIET_MS = 40;

/**
 * Attaches to the streams that conmon holds (conmon(8), --full-attach). Ends when the container does, with exit code 0.
 * @param staysOpen Whether the container keeps its input when the caller's ends: then it is the caller who leaves.
 */
export function attachTo(bundle: string, wanted: WantedStreams, staysOpen: boolean, clock: Clock): StreamedProcess {
  const socket = connectBelow(bundle);
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const { promise: exited, resolve } = Promise.withResolvers<number>();
  let over = false;
  const leave = (): void => {
    if (over) return;
    over = true;
    socket.close();
    stdout.end();
    stderr.end();
    resolve(0);
  };
  let pause = BUSY_MS;
  const wait = (ms: number): Promise<void> => new Promise((done) => clock.after(ms, done, { background: true }));
  const stdin = new Writable({
    highWaterMark: MAX_PACKET,
    async write(chunk: Buffer, _, done) {
      pause = BUSY_MS;
      for (let at = 0; at < chunk.length && !over; at += MAX_PACKET)
        while (!over && !socket.send(chunk.subarray(at, at + MAX_PACKET))) await wait(BUSY_MS);
      done();
    },
    final(done) {
      if (staysOpen) leave();
      else if (!over) socket.end();
      done();
    },
  });
  const listen = async (): Promise<void> => {
    while (!over) {
      const packet = socket.receive();
      if (packet === "closed") return leave();
      if (packet === "empty") {
        await wait(pause);
        pause = Math.min(pause * 1.25, QUIET_MS);
        continue;
      }
      pause = BUSY_MS;
      const stream = packet[0] === STDERR ? stderr : stdout;
      const asked = packet[0] === STDERR ? wanted.stderr : packet[0] === STDOUT && wanted.stdout;
      if (asked && !stream.write(packet.subarray(1))) await drained(stream, exited);
    }
  };
  void listen();
  return {
    ...(wanted.stdin ? { stdin } : {}),
    stdout,
    ...(wanted.tty ? {} : { stderr }),
    resize(columns, rows) {
      if (!over) tellConmon(bundle, `1 ${rows} ${columns}`);
    },
    exited,
    kill: leave,
  };
}

function drained(stream: PassThrough, exited: Promise<number>): Promise<unknown> {
  return Promise.race([new Promise((resolve) => stream.once("drain", resolve)), exited]);
}

/** Through /proc, because an address holds 107 bytes and a bundle's path may be longer. */
function connectBelow(bundle: string): PacketSocket {
  const folder = openSync(bundle, "r");
  try {
    return new PacketSocket(`/proc/self/fd/${folder}/attach`);
  } finally {
    closeSync(folder);
  }
}
