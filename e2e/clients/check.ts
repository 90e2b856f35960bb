import { isDeepStrictEqual } from "node:util";

const PATIENCE_MS = 60_000;

/** Asks one question and prints the verdict, as the command that starts these programs reads it. */
export async function check(sentence: string, question: () => Promise<void>): Promise<void> {
  try {
    await question();
    process.stdout.write(`ok      ${sentence}\n`);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stdout.write(`failed  ${sentence}: ${message.replaceAll(/\s+/g, " ")}\n`);
    process.exitCode = 1;
  }
}

/** As JSON: classes of client libraries do not matter. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null));
const isSame = (one: unknown, other: unknown): boolean => isDeepStrictEqual(plain(one), plain(other));

/** Asks until the answer is the wanted one, within a minute. @throws with the last answer. */
export async function becomes<T>(wanted: T, ask: () => Promise<T>, patienceMs = PATIENCE_MS): Promise<void> {
  let answer: unknown;
  for (
    const until = Date.now() + patienceMs;
    Date.now() < until;
    await new Promise((resolve) => setTimeout(resolve, 100))
  ) {
    answer = await ask().catch((error: Error) => error.message);
    if (isSame(answer, wanted)) return;
  }
  throw new Error(`is ${JSON.stringify(answer)}, expected ${JSON.stringify(wanted)}`);
}

/** @throws unless it is the wanted one. */
export function expect<T>(answer: T, wanted: T): void {
  if (!isSame(answer, wanted)) throw new Error(`is ${JSON.stringify(answer)}, expected ${JSON.stringify(wanted)}`);
}
