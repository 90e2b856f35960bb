import type { CustomResourceDefinition, CustomResourceDefinitionCondition } from "@tsukube/api/types/apiextensions-v1";
import type { Condition } from "@tsukube/api/types/meta-v1";
import type { StorageVersionMigration } from "@tsukube/api/types/storagemigration-v1";
import { formatTime } from "@tsukube/foundation";

/** The condition that becomes true. */
export type Verdict = "Running" | "Succeeded" | "Failed";

const REASONS: Readonly<Record<Verdict, string>> = {
  Running: "StorageVersionMigrationInProgress",
  Succeeded: "StorageVersionMigrationSucceeded",
  Failed: "StorageVersionMigrationFailed",
};
const NO_LONGER = "MigrationCompleted";

/** A migration is done once; who wants another one makes another. */
export function isOver({ status }: StorageVersionMigration): boolean {
  return (status?.conditions ?? []).some(({ type, status: is }) => type !== "Running" && is === "True");
}

/** @returns the same migration when it says so already. */
export function withVerdict(
  migration: StorageVersionMigration,
  verdict: Verdict,
  message: string,
  now: number,
): StorageVersionMigration {
  const before = migration.status?.conditions ?? [];
  const wanted: Condition[] = [condition(verdict, "True", REASONS[verdict], message, now)];
  if (verdict !== "Running") wanted.unshift(condition("Running", "False", NO_LONGER, "", now));
  const isSaid = wanted.every((one) => before.some(({ type, status }) => type === one.type && status === one.status));
  if (isSaid) return migration;
  const others = before.filter(({ type }) => !wanted.some((one) => one.type === type));
  return { ...migration, status: { ...migration.status, conditions: [...others, ...wanted] } };
}

function condition(type: string, status: string, reason: string, message: string, now: number): Condition {
  return { type, status, reason, message, lastTransitionTime: formatTime(now) };
}

const MIGRATING = {
  Running: ["True", "MigrationRunning"],
  Succeeded: ["False", "MigrationSucceeded"],
  Failed: ["False", "MigrationFailed"],
} as const;

/** What a definition says of the migration of its objects. */
export function migratingCondition(
  { metadata }: CustomResourceDefinition,
  verdict: Verdict,
  message: string,
  now: number,
): CustomResourceDefinitionCondition {
  const [status, reason] = MIGRATING[verdict];
  const observedGeneration = metadata?.generation ?? 0;
  return { type: "StorageMigrating", status, reason, message, lastTransitionTime: formatTime(now), observedGeneration };
}

/** "" for a definition without one, which there is none of. */
export function storageVersionOf({ spec }: CustomResourceDefinition): string {
  return (spec?.versions ?? []).find(({ storage }) => storage === true)?.name ?? "";
}
