import { ApiError, apiVersionOf, type GroupVersionResource, type KubeObject } from "@tsukube/api";
import type { CustomResourceDefinition } from "@tsukube/api/types/apiextensions-v1";
import type { StorageVersionMigration } from "@tsukube/api/types/storagemigration-v1";
import {
  type DiscoveredResource,
  type Informer,
  type Key,
  keyOf,
  type Outcome,
  type ResourceClient,
  SETTLED,
  startController,
} from "@tsukube/client";
import { messageOf } from "@tsukube/foundation";
import { type ControllerContext, STORAGE_VERSION_MIGRATIONS } from "../context.ts";
import { isOver, migratingCondition, storageVersionOf, type Verdict, withVerdict } from "./plan.ts";

const NAME = "storage-version-migrator-controller";
const DEFINITIONS: GroupVersionResource = {
  group: "apiextensions.k8s.io",
  version: "v1",
  resource: "customresourcedefinitions",
};
const PAGE = 500;
/** A resource that is not served yet may be soon: its definition was made at the same time. */
const PATIENCE_MS = 60_000;

/** Has every object of the resource that a StorageVersionMigration names written in the version that it is stored in today. */
export class StorageVersionMigrator {
  readonly #context: ControllerContext;
  readonly #migrations: Informer<StorageVersionMigration>;
  readonly #definitions: ResourceClient<CustomResourceDefinition>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#definitions = context.client.resource<CustomResourceDefinition>(DEFINITIONS);
    this.#migrations = context.informers.informer<StorageVersionMigration>(STORAGE_VERSION_MIGRATIONS);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key, signal: AbortSignal): Promise<Outcome> => this.reconcile(key, signal);
    const { queue } = lifetime.own(NAME, startController({ name: NAME, clock, logger, queues, reconcile }));
    const wake = (migration: StorageVersionMigration): void => queue.add(keyOf(migration));
    lifetime.add("migrations", this.#migrations.onChange({ added: wake, updated: (_, now) => wake(now) }));
  }

  async reconcile(key: Key, signal: AbortSignal): Promise<Outcome> {
    const migration = this.#migrations.get(key);
    if (migration === undefined || isOver(migration)) return SETTLED;
    const { group = "", resource = "" } = migration.spec?.resource ?? {};
    const served = await this.#context.client.discover();
    const found = served.find((one) => one.group === group && one.resource === resource);
    if (found === undefined) return this.#missing(migration);
    const definition = await this.#definitionOf(found);
    const what = `Migration ${migration.metadata?.name} is running`;
    const marked = definition && (await this.#mark(definition, "Running", what));
    const running = await this.#report(migration, "Running", "");
    try {
      await this.#migrate(found, signal);
    } catch (error) {
      if (signal.aborted || mayPass(error)) throw error;
      const now = await this.#definitionOf(found);
      if (now !== undefined) await this.#mark(now, "Failed", "The migration has failed");
      await this.#report(running, "Failed", messageOf(error));
      return SETTLED;
    }
    if (marked !== undefined) await this.#onlyStored(marked);
    await this.#report(running, "Succeeded", "");
    return SETTLED;
  }

  async #missing(migration: StorageVersionMigration): Promise<Outcome> {
    const age = this.#context.clock.now() - Date.parse(migration.metadata?.creationTimestamp ?? "");
    if (age < PATIENCE_MS) return { recheckAfterMs: 5000 };
    await this.#report(migration, "Failed", "resource not found");
    return SETTLED;
  }

  async #migrate(resource: DiscoveredResource, signal: AbortSignal): Promise<void> {
    const { client } = this.#context;
    let next: string | undefined;
    do {
      const options = { limit: PAGE, ...(next !== undefined && { continue: next }) };
      const page = await client.resource(resource).list(options);
      for (const object of page.items) {
        signal.throwIfAborted();
        await this.#rewrite(resource, object);
      }
      next = page.metadata.continue;
    } while ((next ?? "") !== "");
  }

  /** An apply that owns nothing: the server writes the object again, and only where it lies otherwise than it should. */
  async #rewrite(resource: DiscoveredResource, { metadata }: KubeObject): Promise<void> {
    const { name = "", namespace = "", uid, resourceVersion } = metadata ?? {};
    const body = { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata: { name, uid, resourceVersion } };
    try {
      const objects = this.#context.client.resource(resource, namespace);
      await objects.patch(name, { type: "apply", body, fieldManager: NAME });
    } catch (error) {
      // changed meanwhile, which was a write too; or gone
      if (!ApiError.is(error, "Conflict") && !ApiError.is(error, "NotFound")) throw error;
    }
  }

  async #definitionOf({ group, resource }: GroupVersionResource): Promise<CustomResourceDefinition | undefined> {
    if (!group.includes(".")) return undefined;
    try {
      return await this.#definitions.get(`${resource}.${group}`);
    } catch (error) {
      if (ApiError.is(error, "NotFound")) return undefined;
      throw error;
    }
  }

  /** No object lies in another version now, unless the definition was changed meanwhile. */
  async #onlyStored(before: CustomResourceDefinition): Promise<void> {
    const { name = "", uid, generation } = before.metadata ?? {};
    const now = await this.#definitions.get(name);
    const isSame = now.metadata?.uid === uid && now.metadata?.generation === generation;
    const but = isSame
      ? "and the stored versions have been updated"
      : "but the stored versions have not been updated due to a generation mismatch";
    const stored = isSame ? [storageVersionOf(now)] : undefined;
    await this.#mark(now, "Succeeded", `The migration has succeeded ${but}`, stored);
  }

  /**
   * Says in a definition how the migration of its objects goes, and each time the stored versions too: what an apply leaves out, it gives
   * up. @throws {ApiError} 409 when it was changed meanwhile.
   */
  #mark(
    definition: CustomResourceDefinition,
    verdict: Verdict,
    message: string,
    storedVersions = definition.status?.storedVersions,
  ): Promise<CustomResourceDefinition> {
    const { name = "", resourceVersion } = definition.metadata ?? {};
    const conditions = [migratingCondition(definition, verdict, message, this.#context.clock.now())];
    const body = {
      ...{ apiVersion: apiVersionOf(DEFINITIONS), kind: "CustomResourceDefinition" },
      metadata: { name, resourceVersion },
      status: { conditions, ...(storedVersions !== undefined && { storedVersions }) },
    };
    const patch = { type: "apply", body, fieldManager: NAME, force: true } as const;
    return this.#definitions.patch(name, patch, { subresource: "status" });
  }

  async #report(
    migration: StorageVersionMigration,
    verdict: Verdict,
    message: string,
  ): Promise<StorageVersionMigration> {
    const next = withVerdict(migration, verdict, message, this.#context.clock.now());
    if (next === migration) return migration;
    return this.#context.client.resource<StorageVersionMigration>(STORAGE_VERSION_MIGRATIONS).updateStatus(next);
  }
}

/** Whether it is worth to try again: the server was busy or could not be reached, or the definition changed. */
function mayPass(error: unknown): boolean {
  if (!(error instanceof ApiError)) return true;
  return error.httpCode === 429 || error.httpCode >= 500 || error.httpCode === 409;
}
