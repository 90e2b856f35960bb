import { TsukubeError } from "@tsukube/foundation";

/** A number, or a string such as "25%" or a port's name. */
export type IntOrString = number | string;

/** A value that is neither a number nor a percentage; the message is upstream's. */
export class IntOrStringError extends TsukubeError<"invalid-int-or-string"> {}

/**
 * The number that a value such as maxUnavailable stands for: percentages are of `total`.
 * @param roundUp Rounds a percentage up (maxSurge) or down (maxUnavailable).
 * @throws {IntOrStringError} for a string that is no percentage.
 */
export function scaledValue(value: IntOrString, total: number, roundUp: boolean): number {
  if (typeof value === "number") return value;
  const percent = /^([+-]?[0-9]+)%$/.exec(value)?.[1];
  if (percent === undefined) {
    const state = value.endsWith("%")
      ? `invalid value "${value}": strconv.Atoi: parsing "${value.slice(0, -1)}": invalid syntax`
      : "invalid type: string is not a percentage";
    throw new IntOrStringError("invalid-int-or-string", `invalid value for IntOrString: ${state}`);
  }
  const exact = (Number(percent) * total) / 100;
  return roundUp ? Math.ceil(exact) : Math.floor(exact);
}

/** The number of a string of decimal digits, as IntOrString.IntValue(): 0 when it is none. */
export function intValue(value: IntOrString): number {
  if (typeof value === "number") return value;
  return /^[+-]?[0-9]+$/.test(value) ? Number(value) : 0;
}
