import type { RuntimeContainer } from "./runtime-state.ts";

const FIRST_MS = 10_000;
const MOST_MS = 300_000;
/** A container that ran this long starts with a clean slate. */
const CALM_MS = 600_000;

interface Entry {
  /** The end that the delay is for. */
  readonly containerId: string;
  readonly delay: number;
  /** When it may start again, ms since the epoch. */
  readonly until: number;
}

/** How long containers of one pod wait before they start again: not at all, 10 s, doubling to 5 minutes. */
export class RestartBackoff {
  readonly #entries = new Map<string, Entry>();

  /** The wait after the end of a container. Asking again about the same end gives the same answer. */
  after({ id, name, finishedAt }: RuntimeContainer): { readonly delay: number; readonly until: number } {
    const before = this.#entries.get(name);
    if (before?.containerId === id) return before;
    const isCalm = before === undefined || finishedAt - before.until > CALM_MS;
    const delay = isCalm ? 0 : Math.min(Math.max(before.delay * 2, FIRST_MS), MOST_MS);
    const entry = { containerId: id, delay, until: finishedAt + delay };
    this.#entries.set(name, entry);
    return entry;
  }
}

/** As Go writes a duration of whole seconds: "10s", "2m40s". */
export function formatSeconds(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds >= 60 ? `${Math.floor(seconds / 60)}m${seconds % 60}s` : `${seconds}s`;
}
