/** A flag of a query, as the stock engine reads it: clients of Python write "True" and "False". */
export function isTrue(value: string | null): boolean {
  return value !== null && !["", "0", "no", "false", "none"].includes(value.trim().toLowerCase());
}
