import type { Readable } from "node:stream";
import { TsukubeError } from "@tsukube/foundation";
import type { StreamedProcess } from "../streaming/streamed-process.ts";
import type { Hijacked } from "./contracts.ts";
import { type FrameStream, frame } from "./stream-frames.ts";

export interface HijackOptions {
  readonly terminal: boolean;
  /** Whether outputs go without frames; those of a terminal do by default. */
  readonly raw?: boolean;
  readonly stdin: boolean;
  /** What the client gets of its outputs; both by default. */
  readonly outputs?: readonly FrameStream[];
  /** Which keys of a terminal leave a process alone: "ctrl-p,ctrl-q". */
  readonly detachKeys: string;
}

/** How a connection ended: with the process's output, by the keys that leave it alone, or because the client is gone. */
export type Outcome = "ended" | "detached" | "left";

/** Connects a client's connection with a process's streams, until one of them ends. */
export async function connectClient(
  process: StreamedProcess,
  client: Hijacked,
  options: HijackOptions,
): Promise<Outcome> {
  const { promise: left, resolve: leave } = Promise.withResolvers<Outcome>();
  if (client.closed.aborted) leave("left");
  client.closed.addEventListener("abort", () => leave("left"), { once: true });
  if (options.stdin && process.stdin !== undefined) feed(process, client.input, options, () => leave("detached"));
  else client.input.resume();
  const outputs = Promise.all([
    forward(process.stdout, "stdout", client, options),
    forward(process.stderr, "stderr", client, options),
    process.exited.catch(() => {}), // whoever sees the end may ask for the exit code at once
  ]).then(() => "ended" as const);
  const outcome = await Promise.race([outputs, left]);
  client.end();
  return outcome;
}

async function forward(
  stream: Readable | undefined,
  name: FrameStream,
  client: Hijacked,
  { terminal, raw = terminal, outputs }: HijackOptions,
): Promise<void> {
  const isWanted = outputs?.includes(name) !== false;
  try {
    for await (const chunk of stream ?? []) {
      // a client that left does not hold up the process
      if (isWanted && !client.closed.aborted)
        await client.write(raw ? (chunk as Buffer) : frame(name, chunk as Buffer));
    }
  } catch {
    // a terminal ends with EIO
  }
}

function feed(
  process: StreamedProcess,
  input: Readable,
  { detachKeys, terminal }: HijackOptions,
  leave: () => void,
): void {
  const { stdin } = process;
  if (stdin === undefined) return;
  const keys = new DetachKeys(terminal ? detachKeys : ""); // other input is content, whatever its bytes are
  stdin.on("error", () => {});
  stdin.on("drain", () => input.resume());
  input.on("data", (chunk: Buffer) => {
    const { passed, detached } = keys.take(chunk);
    if (passed.length > 0 && !stdin.write(passed)) input.pause();
    if (detached) leave();
  });
  input.once("end", () => stdin.end());
}

/** Looks for the keys that leave; what only begins like them is passed on with what follows. */
export class DetachKeys {
  readonly #keys: Buffer;
  #matched = 0;

  constructor(names: string) {
    this.#keys = keysOf(names);
  }

  take(chunk: Buffer): { readonly passed: Buffer; readonly detached: boolean } {
    if (this.#keys.length === 0) return { passed: chunk, detached: false };
    const passed: number[] = [];
    for (const byte of chunk) {
      if (byte === this.#keys[this.#matched]) {
        if (++this.#matched < this.#keys.length) continue;
        return { passed: Buffer.from(passed), detached: true };
      }
      passed.push(...this.#keys.subarray(0, this.#matched));
      this.#matched = byte === this.#keys[0] ? 1 : 0;
      if (this.#matched === 0) passed.push(byte);
    }
    return { passed: Buffer.from(passed), detached: false };
  }
}

/** Each "a", or "ctrl-" with a letter or one of @[\]^_; none for "". @throws {TsukubeError} `invalid`. */
export function keysOf(names: string): Buffer {
  const keys = names === "" ? [] : names.split(",").map(keyOf);
  if (keys.includes(undefined)) throw new TsukubeError("invalid", `Invalid detach keys (${names}) provided`);
  return Buffer.from(keys as readonly number[]);
}

function keyOf(name: string): number | undefined {
  const control = /^ctrl-([a-z@[\]\\^_])$/i.exec(name.trim())?.[1];
  if (control !== undefined) return control.toUpperCase().charCodeAt(0) - 64;
  return name.length === 1 ? name.charCodeAt(0) : undefined;
}
