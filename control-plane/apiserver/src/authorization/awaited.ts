import type { AuthorizationDecision } from "../contracts.ts";

type Decisions = Map<string, AuthorizationDecision>;

/** What others said while the work that runs now was tried before. */
let known: Decisions | undefined;

/** Somebody else has to be asked first: work that needs to know at once ends with this, and is done again with the answer. */
class Unanswered extends Error {
  readonly key: string;
  readonly answer: Promise<AuthorizationDecision>;

  constructor(key: string, answer: Promise<AuthorizationDecision>) {
    super("a decision is asked of another server");
    this.key = key;
    this.answer = answer;
  }
}

/** What another server said to the same work before. */
export function toldAnswer(key: string): AuthorizationDecision | undefined {
  return known?.get(key);
}

/** Waits for what another server says, for work within {@link settled}. @param key Of the question and who is asked. */
export function awaitAnswer(key: string, ask: () => Promise<AuthorizationDecision>): never {
  throw new Unanswered(key, ask());
}

/** Does work that decides at once, as often as it has to ask other servers. @param work Changes nothing before it has decided. */
export async function settled<T>(work: () => T): Promise<T> {
  let answers: Decisions | undefined;
  for (;;) {
    const outer = known;
    known = answers;
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      known = outer;
      const decision = await error.answer;
      answers ??= new Map();
      answers.set(error.key, decision);
    } finally {
      known = outer;
    }
  }
}
