import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import type { Command } from "./programs.ts";

/** What became of one program: its verdicts counted, and the sentences of those that failed. */
export interface Outcome {
  readonly passed: number;
  readonly failed: readonly string[];
  readonly skipped: number;
  readonly seconds: number;
}

const VERDICT = /^(ok|failed|skipped) +(.*)$/;

/**
 * Runs a program of e2e/clients: each line of its output that begins with "ok", "failed" or "skipped" is a verdict.
 * @param log Where everything that it prints goes.
 * @param limitMs After it the program is ended, which is a failure as any other end but success.
 */
export async function tour(
  [program, ...args]: Command,
  env: NodeJS.ProcessEnv,
  log: string,
  limitMs: number,
  print: (line: string) => void,
): Promise<Outcome> {
  const began = performance.now();
  const output = createWriteStream(log);
  const child = spawn(program, args, {
    env,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: limitMs,
    killSignal: "SIGKILL",
  });
  child.stderr.on("data", (data: Buffer) => output.write(data));
  const counts = { ok: 0, skipped: 0 };
  const failed: string[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => {
    output.write(`${line}\n`);
    const [, verdict, sentence = ""] = VERDICT.exec(line) ?? [];
    if (verdict === undefined) return;
    print(line);
    if (verdict === "failed") failed.push(sentence);
    else counts[verdict as keyof typeof counts] += 1;
  });
  const end = await new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(code === 0 ? "" : `ended with ${signal ?? `exit code ${code}`}`));
  });
  output.end();
  if (failed.length === 0 && end !== "") failed.push(end);
  if (failed.length === 0 && counts.ok === 0) failed.push("asked nothing");
  const seconds = Math.round((performance.now() - began) / 1000);
  return { passed: counts.ok, failed, skipped: counts.skipped, seconds };
}
