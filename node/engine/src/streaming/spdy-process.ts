import type { Duplex } from "node:stream";
import type { Clock } from "@tsukube/foundation";
import { SpdyConnection, type SpdyStream } from "./spdy-connection.ts";
import {
  formatStatus,
  type OpenProcess,
  pump,
  resizeTo,
  type Sink,
  statusOf,
  type WantedStreams,
} from "./streamed-process.ts";

/** Values of X-Stream-Protocol-Version for exec and attach, best first. */
export const SPDY_PROCESS_PROTOCOLS = [
  "v4.channel.k8s.io",
  "v3.channel.k8s.io",
  "v2.channel.k8s.io",
  "channel.k8s.io",
] as const;

const CREATION_MS = 30_000;
type Kind = "error" | "stdin" | "stdout" | "stderr" | "resize";

/** Serves exec or attach over SPDY: a stream each for errors, input, output and sizes. Resolves when the client is gone. */
export async function serveSpdyProcess(
  transport: Duplex,
  protocol: string,
  wanted: WantedStreams,
  open: OpenProcess,
  clock: Clock,
): Promise<void> {
  const streams = new Map<string, SpdyStream>();
  const expected = expectedOf(wanted, protocol);
  const { promise: complete, resolve: completed } = Promise.withResolvers<void>();
  const connection = new SpdyConnection(transport, (stream) => {
    const kind = stream.headers["streamtype"] ?? "";
    if (streams.has(kind)) throw new Error("a second stream of a kind");
    streams.set(kind, stream);
    if (expected.every((name) => streams.has(name))) completed();
  });
  const expire = clock.after(CREATION_MS, () => connection.destroy(), { background: true });
  const gone = connection.closed.then(() => "gone" as const);
  const first = await Promise.race([complete, gone]);
  expire();
  if (first === "gone") return;
  const structured = protocol.startsWith("v4.");
  const status = await run(streams, open, gone).catch(statusOf);
  for (const kind of ["stdin", "resize"] as const) streams.get(kind)?.destroy(); // whatever still comes is dropped
  streams.get("error")?.end(formatStatus(status, structured));
  for (const kind of ["stdout", "stderr"] as const) streams.get(kind)?.end();
  // the client closes when it has read everything; a close from here could cut its output short
  await gone;
}

function expectedOf(wanted: WantedStreams, protocol: string): readonly Kind[] {
  const resizes = wanted.tty && /^v[34]\./.test(protocol);
  return [
    "error",
    ...(wanted.stdin ? (["stdin"] as const) : []),
    ...(wanted.stdout ? (["stdout"] as const) : []),
    ...(wanted.stderr && !wanted.tty ? (["stderr"] as const) : []),
    ...(resizes ? (["resize"] as const) : []),
  ];
}

async function run(streams: ReadonlyMap<string, SpdyStream>, open: OpenProcess, gone: Promise<unknown>) {
  const process = await open();
  void gone.then(() => process.kill());
  streams.get("error")?.resume();
  const stdin = streams.get("stdin");
  if (stdin !== undefined && process.stdin !== undefined) stdin.pipe(process.stdin);
  streams.get("resize")?.on("data", (chunk: Buffer) => {
    for (const line of chunk.toString().split("\n")) if (line !== "") resizeTo(process, line);
  });
  return pump(process, sinkOf(streams.get("stdout")), sinkOf(streams.get("stderr")));
}

function sinkOf(stream: SpdyStream | undefined): Sink {
  return (chunk) =>
    new Promise((resolve) => {
      if (stream === undefined || stream.destroyed) resolve();
      else stream.write(chunk, () => resolve());
    });
}
