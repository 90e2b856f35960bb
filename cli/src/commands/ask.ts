import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { TsukubeError } from "@tsukube/foundation";

/** Asks whoever sits at the terminal. @param hidden Whether the answer is not shown. @throws {TsukubeError} `no-terminal`. */
export async function ask(question: string, hidden: boolean): Promise<string> {
  if (process.stdin.isTTY !== true) throw new TsukubeError("no-terminal", "Cannot ask: standard input is no terminal");
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  process.stderr.write(question);
  const reader = createInterface({ input: process.stdin, output: hidden ? silent : process.stderr, terminal: true });
  const ended = new AbortController();
  reader.once("close", () => ended.abort());
  reader.once("SIGINT", () => reader.close());
  try {
    return await reader.question("", { signal: ended.signal });
  } catch (cause) {
    throw new TsukubeError("cancelled", "Cannot go on: no answer was given", { cause });
  } finally {
    reader.close();
    if (hidden) process.stderr.write("\n");
  }
}
