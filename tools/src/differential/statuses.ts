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

/** Compares what two Statuses say. Causes that differ are one difference: the message repeats them. */
export function compareStatuses(a: Status, b: Status, report: Report): void {
  const [left, right] = [causesOf(a), causesOf(b)];
  if (left.join("\n") === right.join("\n")) {
    compareValues("", a, b, report);
    return;
  }
  const [missing, more] = [without(left, right), without(right, left)];
  if (missing.length + more.length > 0) report("causes", missing, more);
  else report("order of causes", left, right);
  compareValues("", withoutCauses(a), withoutCauses(b), report);
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
