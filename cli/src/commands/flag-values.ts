import { existsSync, readFileSync } from "node:fs";
import { TsukubeError } from "@tsukube/foundation";

/** Of a file that a flag names: without comments and empty lines. @throws {TsukubeError} `usage`. */
export function linesOf(file: string): readonly string[] {
  const lines = textOf(file)
    .split("\n")
    .map((line) => line.trimStart());
  return lines.filter((line) => line !== "" && !line.startsWith("#"));
}

/** @throws {TsukubeError} `usage`. */
export function textOf(file: string): string {
  if (!existsSync(file)) throw new TsukubeError("usage", `Cannot read "${file}": no such file`);
  return readFileSync(file, "utf8");
}

/** "a=b=c" into "a" and "b=c". */
export function splitOnce(text: string, sign: string): readonly [string, string] {
  const at = text.indexOf(sign);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/** NAME=VALUE, each. @throws {TsukubeError} `usage` without "=". */
export function tableOf(what: string, entries: readonly string[]): Readonly<Record<string, string>> {
  const wrong = entries.find((entry) => entry.indexOf("=") < 1);
  if (wrong !== undefined) throw malformed(what, wrong, "NAME=VALUE");
  return Object.fromEntries(entries.map((entry) => splitOnce(entry, "=")));
}

const UNITS: Readonly<Record<string, number>> = { "": 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** "512m", "1.5gb". @throws {TsukubeError} `usage`. */
export function bytesOf(what: string, text: string): number {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?) ?([bkmgt]?)i?b?$/i.exec(text) ?? [];
  if (number === undefined) throw malformed(what, text, "512m");
  return Math.round(Number(number) * (UNITS[unit.toLowerCase()] ?? 1));
}

const NANOSECONDS: Readonly<Record<string, number>> = {
  ...{ ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9 },
  ...{ m: 60e9, h: 3600e9 },
};

/** "1m30s", "300ms". @returns nanoseconds. @throws {TsukubeError} `usage`. */
export function nanosecondsOf(what: string, text: string): number {
  if (text === "0") return 0;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (text === "" || parts.map(([part]) => part).join("") !== text) throw malformed(what, text, "1m30s");
  return Math.round(parts.reduce((sum, [, number, unit = ""]) => sum + Number(number) * (NANOSECONDS[unit] ?? 0), 0));
}

export function malformed(what: string, text: string, like: string): TsukubeError {
  return new TsukubeError("usage", `Cannot use ${what} "${text}": expected a form like ${like}`);
}
