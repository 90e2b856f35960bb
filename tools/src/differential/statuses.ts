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
  const { missing, more, asGo } = distinguished(without(left, right), without(right, left));
  if (asGo.length > 0) report("Go values in causes", ...sides(asGo));
  if (missing.length + more.length > 0) report("causes", missing, more);
  else if (left.map(withoutAnyValue).join("\n") !== right.map(withoutAnyValue).join("\n"))
    report("order of causes", left, right);
  compareValues("", withoutCauses(a), withoutCauses(b), report);
}

interface Distinguished {
  /** Causes that only one side has. */
  readonly missing: readonly string[];
  readonly more: readonly string[];
  /** Causes that both have, but for how they show a value. */
  readonly asGo: readonly (readonly [string, string])[];
}

function distinguished(missing: readonly string[], more: readonly string[]): Distinguished {
  const left = [...more];
  const asGo: (readonly [string, string])[] = [];
  const others = missing.filter((cause) => {
    const bare = withoutGoValue(cause);
    const index = bare === undefined ? -1 : left.findIndex((one) => withoutAnyValue(one) === bare);
    if (index >= 0) asGo.push([cause, ...left.splice(index, 1)] as [string, string]);
    return index < 0;
  });
  return { missing: others, more: left, asGo };
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
