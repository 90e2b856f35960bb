/** @returns why it fails; undefined: it is well. */
export type HealthCheck = () => Promise<string | undefined> | string | undefined;

/** By name, in the order in which ?verbose shows them. */
export type HealthChecks = Readonly<Record<string, HealthCheck>>;

export interface Checked {
  readonly ok: boolean;
  /** One line a check, as ?verbose shows it. */
  readonly report: string;
}

/** One check by itself. @returns undefined where there is none of this name. */
export async function checkOne(checks: HealthChecks, name: string): Promise<Checked | undefined> {
  if (!Object.hasOwn(checks, name)) return undefined;
  const problem = await checks[name]?.();
  return problem === undefined
    ? { ok: true, report: "ok" }
    : { ok: false, report: `internal server error: ${problem}\n` };
}

/**
 * @param endpoint "healthz", "livez" or "readyz".
 * @param excluded Names of checks that are not to count.
 * @param observe Told what each that counts came to.
 */
export async function checkAll(
  endpoint: string,
  checks: HealthChecks,
  excluded: readonly string[],
  observe: (name: string, isWell: boolean) => void = () => {},
): Promise<Checked> {
  const names = Object.keys(checks);
  const counted = names.filter((name) => !excluded.includes(name));
  const problems = await Promise.all(counted.map((name) => checks[name]?.()));
  const failed = counted.filter((_name, index) => problems[index] !== undefined);
  for (const name of counted) observe(name, !failed.includes(name));
  const lines = names.map((name) => {
    if (excluded.includes(name)) return `[+]${name} excluded: ok`;
    return failed.includes(name) ? `[-]${name} failed: reason withheld` : `[+]${name} ok`;
  });
  const unknown = [...new Set(excluded)].filter((name) => !names.includes(name)).sort();
  if (unknown.length > 0) {
    const shown = unknown.map((name) => JSON.stringify(name)).join(",");
    lines.push(`warn: some health checks cannot be excluded: no matches for ${shown}`);
  }
  const ok = failed.length === 0;
  return { ok, report: [...lines, `${endpoint} check ${ok ? "passed" : "failed"}`, ""].join("\n") };
}
