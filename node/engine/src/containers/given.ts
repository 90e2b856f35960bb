/** Only the fields that say something: not null, 0, "" or empty ones. Runtimes refuse what the host lacks, also where it is not limited. */
export function given(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const isEmpty = (value: unknown): boolean =>
    value == null || value === 0 || value === "" || (typeof value === "object" && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));
}
