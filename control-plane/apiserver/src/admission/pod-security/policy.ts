import { type FieldError, fieldError } from "@tsukube/api";
import { BASELINE } from "./baseline.ts";
import type { Finding, PodLike } from "./check.ts";
import { RESTRICTED } from "./restricted.ts";

export type Level = "privileged" | "baseline" | "restricted";

/** What a namespace asks of its pods in one mode. */
export interface Standard {
  readonly level: Level;
  /** Minor version, Infinity for "latest". */
  readonly version: number;
}

/** The Pod Security Standards that a namespace's labels choose. */
export interface Policy {
  readonly enforce: Standard;
  readonly audit: Standard;
  readonly warn: Standard;
  /** Labels that cannot be understood; they are taken for the strictest where they enforce, else for nothing. */
  readonly errors: readonly FieldError[];
}

/** The newest version that the standards here know. */
export const NEWEST_VERSION = 37;

const PREFIX = "pod-security.kubernetes.io/";
const LEVELS: readonly string[] = ["privileged", "baseline", "restricted"];

/** Reads `pod-security.kubernetes.io/<mode>` and `<mode>-version`. Warnings follow what is enforced unless they are set. */
export function policyOf(labels: Readonly<Record<string, string>>): Policy {
  const errors: FieldError[] = [];
  const levelOf = (mode: string, instead: Level): Level => {
    const text = labels[PREFIX + mode];
    if (text === undefined) return "privileged";
    if (LEVELS.includes(text)) return text as Level;
    errors.push(invalid(mode, text, `must be one of ${LEVELS.join(", ")}`));
    return instead;
  };
  const versionOf = (mode: string): number => {
    const text = labels[`${PREFIX + mode}-version`];
    const minor = /^v1\.(0|[1-9][0-9]*)$/.exec(text ?? "")?.[1];
    if (minor !== undefined) return Number(minor);
    if (text !== undefined && text !== "latest")
      errors.push(invalid(`${mode}-version`, text, 'must be "latest" or "v1.x"'));
    return Number.POSITIVE_INFINITY;
  };
  const enforce = { level: levelOf("enforce", "restricted"), version: versionOf("enforce") };
  const audit = { level: levelOf("audit", "privileged"), version: versionOf("audit") };
  const warn = { level: levelOf("warn", "privileged"), version: versionOf("warn") };
  const isFollowing = labels[`${PREFIX}warn`] === undefined && LEVELS.includes(labels[`${PREFIX}enforce`] ?? "");
  const version = labels[`${PREFIX}warn-version`] === undefined ? enforce.version : warn.version;
  return {
    enforce,
    audit,
    warn: isFollowing && enforce.level !== "privileged" ? { level: enforce.level, version } : warn,
    errors,
  };
}

function invalid(label: string, value: string, why: string): FieldError {
  return fieldError.invalid(`metadata.labels[${PREFIX}${label}]`, value, why);
}

/** "restricted:latest", "baseline:v1.30". */
export function standardText({ level, version }: Standard): string {
  return `${level}:${version === Number.POSITIVE_INFINITY ? "latest" : `v1.${version}`}`;
}

export function isStricter(a: Level, b: Level): boolean {
  return LEVELS.indexOf(a) > LEVELS.indexOf(b);
}

/** What of the pod the standard forbids, in the order of messages. */
export function findings(pod: PodLike, { level, version }: Standard): readonly Finding[] {
  if (level === "privileged") return [];
  const restricted = level === "restricted" ? RESTRICTED.filter(({ since }) => since <= version) : [];
  const replaced = new Set(restricted.map(({ replaces }) => replaces));
  const checks = [...BASELINE.filter(({ id, since }) => since <= version && !replaced.has(id)), ...restricted];
  return checks.flatMap(({ check }) => check(pod, version) ?? []);
}

/** `privileged (container "c" must not …), hostPort (…)`. */
export function findingsText(all: readonly Finding[]): string {
  return all.map(({ reason, detail }) => `${reason} (${detail})`).join(", ");
}
