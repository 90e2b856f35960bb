/** One operation on one key, as its client saw it. Times are monotonic. */
export interface Operation {
  readonly key: string;
  readonly began: number;
  readonly ended: number;
  readonly type: "read" | "write";
  /** Of a write: what had to be there; "any" for a blind one. Revision 0: nothing. */
  readonly expected?: number | "any";
  /** What was written. */
  readonly value?: string;
  readonly outcome: Outcome;
}

export type Outcome =
  /** Of a write: its revision. Of a read: the revision and value found; 0: nothing. */
  | { readonly type: "ok"; readonly revision: number; readonly found?: string }
  /** It was not done. */
  | { readonly type: "refused" }
  /** The answer was lost. */
  | { readonly type: "unknown" };

/**
 * Whether a history is linearizable. Because each version of a key has a revision, and revisions are the order that the store claims, it suffices to
 * check that claim: nothing may be seen that was not written, no operation may be ordered before one that ended before it began, and a conditional write
 * must follow directly on what it expected.
 * @returns what contradicts; empty: linearizable.
 */
export function contradictions(history: readonly Operation[]): readonly string[] {
  return [...Map.groupBy(history, ({ key }) => key)].flatMap(([key, operations]) => contradictionsOf(key, operations));
}

function contradictionsOf(key: string, operations: readonly Operation[]): readonly string[] {
  const out: string[] = [];
  const versions = new Map<number, string>();
  const writes = operations.filter(({ type }) => type === "write");
  for (const { outcome, value } of writes) {
    if (outcome.type !== "ok") continue;
    if (versions.has(outcome.revision)) out.push(`${key}: two writes at revision ${outcome.revision}`);
    versions.set(outcome.revision, value!);
  }
  const possible = new Set(writes.filter(({ outcome }) => outcome.type === "unknown").map(({ value }) => value!));
  const refused = new Set(writes.filter(({ outcome }) => outcome.type === "refused").map(({ value }) => value!));
  for (const { type, outcome } of operations) {
    if (type !== "read" || outcome.type !== "ok" || outcome.revision === 0) continue;
    const { revision, found = "" } = outcome;
    const known = versions.get(revision);
    if (refused.has(found)) out.push(`${key}: "${found}" was seen, whose write was refused`);
    else if (known === undefined && possible.has(found)) versions.set(revision, found);
    else if (known !== found) out.push(`${key}: "${found}" at ${revision}, expected "${known}"`);
  }
  out.push(...outOfOrder(key, operations));
  const order = [...versions.keys()].sort((a, b) => a - b);
  for (const { expected, outcome } of writes) {
    if (outcome.type !== "ok" || expected === "any" || expected === undefined) continue;
    const between = order.find((revision) => revision > expected && revision < outcome.revision);
    if (between !== undefined)
      out.push(`${key}: a write of ${outcome.revision} expected ${expected}, but ${between} was there`);
  }
  return out;
}

/** An operation that began after another had ended comes after it: strictly, if it is a write. */
function outOfOrder(key: string, operations: readonly Operation[]): readonly string[] {
  const done = operations.flatMap(({ outcome, ...rest }) =>
    outcome.type === "ok" ? [{ ...rest, at: outcome.revision }] : [],
  );
  const byEnd = [...done].sort((a, b) => a.ended - b.ended);
  const out: string[] = [];
  let next = 0;
  let newest = 0;
  for (const operation of [...done].sort((a, b) => a.began - b.began)) {
    while (next < byEnd.length && byEnd[next]!.ended < operation.began) {
      newest = Math.max(newest, byEnd[next]!.at);
      next += 1;
    }
    const isLate = operation.type === "write" ? operation.at <= newest : operation.at < newest;
    if (isLate) out.push(`${key}: a ${operation.type} at ${operation.at} began after ${newest} was seen`);
  }
  return out;
}
