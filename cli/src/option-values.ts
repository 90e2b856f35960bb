import { InvalidArgumentError } from "commander";
import { durationOf } from "./past/moment.ts";

/** Of an option that may be repeated. */
export function several(text: string, before: readonly string[]): readonly string[] {
  return [...before, text];
}

/** The same, as one value with commas. */
export function joined(text: string, before?: string): string {
  return before === undefined ? text : `${before},${text}`;
}

export function oneOf(...values: readonly string[]) {
  return (text: string): string => {
    if (!values.includes(text)) throw new InvalidArgumentError(`expected ${values.join(" or ")}`);
    return text;
  };
}

export function duration(text: string): number {
  const ms = durationOf(text);
  if (ms === undefined) throw new InvalidArgumentError("expected such as 30m, 24h or 7d");
  return ms;
}

export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("expected a whole number");
  return Number(text);
}
