import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { realClock } from "@tsukube/host";
import type { Engine } from "./stock-engine.ts";

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const MOST_MS = 60_000;

/** Runs a step against an engine. @param folder For DIR, and for the client's home. */
export async function runStep(engine: Engine, step: string, folder: string, image: string): Promise<Outcome> {
  const line = step
    .replaceAll(/\bB\b(?!:)/g, image)
    .replaceAll("DIR", folder)
    .replaceAll("SIDE", engine.name);
  const [kind = "", rest = ""] = [line.split(" ", 1)[0], line.slice(line.indexOf(" ") + 1)];
  const script = kind === "tty" ? `stty rows 33 cols 77; docker ${rest}` : kind === "host" ? rest : line;
  const command = kind === "tty" ? ["script", "-qec", script, "/dev/null"] : ["sh", "-c", script];
  const [program = "", ...args] = [...engine.within, ...command];
  const own = { DOCKER_HOST: `unix://${engine.socket}`, HOME: `${folder}/home-${engine.name}`, DOCKER_BUILDKIT: "0" };
  const stdio = ["ignore", "pipe", "pipe"] as const;
  const child = spawn(program, args, { env: { ...process.env, ...own }, stdio: [...stdio], detached: true });
  const exit = once(child, "close") as Promise<[number | null]>;
  const cancel = realClock.after(MOST_MS, () => process.kill(-(child.pid as number), "SIGKILL"), { background: true });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  cancel();
  return { code, stdout: normal(stdout, engine), stderr: normal(stderr, engine) };
}

/** Whether the client still sends when it hears of a refusal is a matter of time. */
const BROKEN_PIPE =
  /^time=\S+ level=error msg="Can't (add file|close tar writer).*: io: read\/write on closed pipe"\n/gm;

const SAME: readonly (readonly [RegExp, string])[] = [
  [/\r\n/g, "\n"],
  [/\^@/g, ""],
  [BROKEN_PIPE, ""],
  [/\b[0-9a-f]{64}\b/g, "<ID>"],
  [/sha256:[0-9a-f]+/g, "<DIGEST>"],
  [/\b[0-9a-f]{12}\b/g, "<ID>"],
  [/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( [+-]\d{4}|Z|[+-]\d\d:\d\d)?/g, "<TIME>"],
  [/\b(Up|Exited \(\d+\)) [^\n|(]*?(?= \(|\n|$| ago)/g, "$1 <AGE>"],
  [/\b\d+ (seconds?|minutes?|hours?) ago|About an? \w+ ago|Less than a second ago/g, "<AGE> ago"],
  [/<AGE>( ago)? ago/g, "<AGE> ago"],
  [/\b172\.(1[7-9]|2[0-8]|30|31)\.\d+\.\d+/g, "<IP>"],
  [/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, "<MAC>"],
  [/time=[\d.]+ ms|= [\d.]+\/[\d.]+\/[\d.]+ ms/g, "<MS>"],
  [/(Total reclaimed space: ).*/g, "$1<SIZE>"],
  [/\b\d+(\.\d+)?(B|kB|MB|GB)\b/g, "<SIZE>"],
];

/** What differs from one run to the next is the same. */
function normal(output: string, { name }: Engine): string {
  return SAME.reduce(
    (said, [pattern, word]) => said.replace(pattern, word),
    output.replaceAll(`-${name}`, "-SIDE"),
  ).trimEnd();
}
