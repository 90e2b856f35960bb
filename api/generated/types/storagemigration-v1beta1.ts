// Generated from facts/kinds.json by tools/src/generate-types.ts. Do not edit.
import type * as meta_v1 from "./meta-v1.ts";
export interface StorageVersionMigration extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly spec?: StorageVersionMigrationSpec;
  readonly status?: StorageVersionMigrationStatus;
}
export interface StorageVersionMigrationList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly StorageVersionMigration[];
}
export interface StorageVersionMigrationSpec {
  readonly resource: meta_v1.GroupResource;
}
export interface StorageVersionMigrationStatus {
  readonly conditions?: readonly meta_v1.Condition[];
  readonly resourceVersion?: string;
}
