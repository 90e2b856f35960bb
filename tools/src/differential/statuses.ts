import { withoutAnyValue, withoutGoValue } from "./go-values.ts";
import { compareValues, type Report } from "./values.ts";

interface Cause {
  readonly reason?: string;
  readonly field?: string;
  readonly message?: string;
}

interface Status {
  readonly kind: "Status";
  readonly message?: string;
  readonly details?: { readonly causes?: readonly Cause[] };
}

export function isStatus(value: unknown): value is Status {
  return (value as { readonly kind?: string } | null)?.kind === "Status";
}

/**
 * Compares what two Statuses say. Causes that differ are one difference: the message repeats them. Those that differ only in
 * how upstream shows its own Go types are one too, of their own.
 */
export function compareStatuses(a: Status, b: Status, report: Report): void {
  const [left, right] = [causesOf(a), causesOf(b)];
  if (left.join("\n") === right.join("\n")) {
    compareValues("", a, b, report);
    return;
  }
  const go = paired(without(left, right), without(right, left), withoutGoValue, withoutAnyValue);
  const empty = paired(go.left, go.right, withoutEmpty, withoutEmpty);
  if (go.pairs.length > 0) report("Go values in causes", ...sides(go.pairs));
  if (empty.pairs.length > 0) report("empty values in causes", ...sides(empty.pairs));
  if (empty.left.length + empty.right.length > 0) report("causes", empty.left, empty.right);
  else if (left.map(bare).join("\n") !== right.map(bare).join("\n")) report("order of causes", left, right);
  compareValues("", withoutCauses(a), withoutCauses(b), report);
}

interface Paired {
  /** Causes that only one side has. */
  readonly left: readonly string[];
  readonly right: readonly string[];
  /** Causes that both have, but for how they show a value. */
  readonly pairs: readonly (readonly [string, string])[];
}

/** Pairs causes of two sides that are the same without something. */
function paired(
  left: readonly string[],
  right: readonly string[],
  bareLeft: (cause: string) => string | undefined,
  bareRight: (cause: string) => string | undefined,
): Paired {
  const rest = [...right];
  const pairs: [string, string][] = [];
  const others = left.filter((cause) => {
    const bare = bareLeft(cause);
    const index = bare === undefined ? -1 : rest.findIndex((one) => bareRight(one) === bare);
    if (index >= 0) pairs.push([cause, ...rest.splice(index, 1)] as [string, string]);
    return index < 0;
  });
  return { left: others, right: rest, pairs };
}

/** A cause without what can be shown in two ways. */
function bare(cause: string): string {
  return withoutEmpty(cause) ?? withoutAnyValue(cause);
}

/** A cause that shows an empty list or object, or none, as one that shows none. */
function withoutEmpty(cause: string): string | undefined {
  const shown = cause.replace(/value: (\{\}|\[\]|null)(?=:|$)/, "value: null");
  return shown.includes("value: null") ? shown : undefined;
}

function sides(pairs: readonly (readonly [string, string])[]): readonly [readonly string[], readonly string[]] {
  return [pairs.map(([one]) => one), pairs.map(([, other]) => other)];
}

function causesOf({ details }: Status): readonly string[] {
  return (details?.causes ?? []).map(({ reason, field, message }) => `${field}: ${reason}: ${message}`);
}

function without(causes: readonly string[], others: readonly string[]): readonly string[] {
  const left = [...others];
  return causes.filter((cause) => {
    const index = left.indexOf(cause);
    if (index >= 0) left.splice(index, 1);
    return index < 0;
  });
}

function withoutCauses({ message: _message, details = {}, ...status }: Status): object {
  const { causes: _causes, ...others } = details;
  return { ...status, details: others };
}
