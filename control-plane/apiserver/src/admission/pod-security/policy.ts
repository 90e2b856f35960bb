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
export const LEVELS: readonly Level[] = ["privileged", "baseline", "restricted"];

export const MODES = ["enforce", "audit", "warn"] as const;
export type Mode = (typeof MODES)[number];
/** What holds where labels say nothing. */
export type Standards = Readonly<Record<Mode, Standard>>;

const ANYTHING: Standard = { level: "privileged", version: Number.POSITIVE_INFINITY };
export const UNRESTRICTED: Standards = { enforce: ANYTHING, audit: ANYTHING, warn: ANYTHING };

/** Reads `pod-security.kubernetes.io/<mode>` and `<mode>-version`. Warnings follow what is enforced unless they are set. */
export function policyOf(labels: Readonly<Record<string, string>>, defaults = UNRESTRICTED): Policy {
  const errors: FieldError[] = [];
  const levelOf = (mode: Mode, instead: Level): Level => {
    const text = labels[PREFIX + mode];
    if (text === undefined) return defaults[mode].level;
    const level = levelNamed(text);
    if (level === undefined) errors.push(invalid(mode, text, `must be one of ${LEVELS.join(", ")}`));
    return level ?? instead;
  };
  const versionOf = (mode: Mode): number => {
    const text = labels[`${PREFIX + mode}-version`];
    if (text === undefined) return defaults[mode].version;
    const version = versionNamed(text);
    if (version === undefined) errors.push(invalid(`${mode}-version`, text, 'must be "latest" or "v1.x"'));
    return version ?? Number.POSITIVE_INFINITY;
  };
  const enforce = { level: levelOf("enforce", "restricted"), version: versionOf("enforce") };
  const audit = { level: levelOf("audit", "privileged"), version: versionOf("audit") };
  const warn = { level: levelOf("warn", "privileged"), version: versionOf("warn") };
  const isSet = levelNamed(labels[`${PREFIX}enforce`] ?? "") !== undefined;
  const isFollowing = labels[`${PREFIX}warn`] === undefined && isSet && isStricter(enforce.level, warn.level);
  const version = labels[`${PREFIX}warn-version`] === undefined ? enforce.version : warn.version;
  return { enforce, audit, warn: isFollowing ? { level: enforce.level, version } : warn, errors };
}

/** What of the policy the labels themselves say and what forbids something: "enforce=baseline:latest, warn=…". */
export function labelledText(policy: Policy, labels: Readonly<Record<string, string>>): string {
  const isLabelled = (mode: Mode): boolean =>
    Object.hasOwn(labels, PREFIX + mode) || Object.hasOwn(labels, `${PREFIX + mode}-version`);
  return MODES.filter((mode) => policy[mode].level !== "privileged" && isLabelled(mode))
    .map((mode) => `${mode}=${standardText(policy[mode])}`)
    .join(", ");
}

export function levelNamed(text: string): Level | undefined {
  return LEVELS.find((level) => level === text);
}

/** "latest" or "v1.30". */
export function versionNamed(text: string): number | undefined {
  if (text === "latest") return Number.POSITIVE_INFINITY;
  const minor = /^v1\.(0|[1-9][0-9]*)$/.exec(text)?.[1];
  return minor === undefined ? undefined : Number(minor);
}

/** Whether both forbid the same: what forbids nothing does so in every version. */
export function isSame(a: Standard, b: Standard): boolean {
  return a.level === b.level && (a.level === "privileged" || a.version === b.version);
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
