import { jsonEqual, type Unstructured } from "@tsukube/api";
import type { CustomResourceDefinition, CustomResourceDefinitionCondition } from "@tsukube/api/types/apiextensions-v1";
import { type Clock, detach, formatTime, type Logger } from "@tsukube/foundation";
import type { RequestContext } from "../contracts.ts";
import { deleteObject } from "../endpoints/delete.ts";
import type { WriteRequest, Writer } from "../endpoints/writer.ts";
import type { ConvertObjects, ResourceDefinition } from "../registry/definition.ts";
import type { Registry } from "../registry/registry.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { definitionsOf, isEstablished } from "./custom-definition.ts";

const PREFIX = "/registry/apiextensions.k8s.io/customresourcedefinitions/";
const FINALIZER = "customresourcecleanup.apiextensions.k8s.io";

/** Serves what CustomResourceDefinitions define as soon as they are stored, and cleans up behind those that are deleted. */
export class CrdController {
  readonly #store: ObjectStore;
  readonly #registry: Registry;
  readonly #writer: Writer;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #converter: (crd: CustomResourceDefinition) => ConvertObjects;

  constructor(
    store: ObjectStore,
    registry: Registry,
    writer: Writer,
    clock: Clock,
    logger: Logger,
    converter: (crd: CustomResourceDefinition) => ConvertObjects,
  ) {
    this.#converter = converter;
    this.#store = store;
    this.#registry = registry;
    this.#writer = writer;
    this.#clock = clock;
    this.#logger = logger;
    for (const [, cached] of store.cache.head.range(PREFIX))
      this.#serve(cached.object as unknown as CustomResourceDefinition);
    store.cache.subscribe(PREFIX, (events) => {
      for (const { current, previous } of events) {
        if (current === undefined) this.#withdraw(previous?.object as unknown as CustomResourceDefinition);
        else this.#serve(current.object as unknown as CustomResourceDefinition);
      }
    });
  }

  #withdraw(crd: CustomResourceDefinition): void {
    this.#registry.setCustom(crd.spec?.group ?? "", crd.spec?.names?.plural ?? "", []);
  }

  #serve(crd: CustomResourceDefinition): void {
    const conflict = this.#nameConflict(crd);
    const isServed = conflict === undefined || this.#isServed(crd);
    this.#registry.setCustom(
      crd.spec?.group ?? "",
      crd.spec?.names?.plural ?? "",
      isServed ? this.#definitionsOf(crd) : [],
    );
    detach(this.#report(crd, conflict), this.#logger, "cannot write the status of a CustomResourceDefinition");
  }

  #definitionsOf(crd: CustomResourceDefinition): readonly ResourceDefinition[] {
    const isConverted = crd.spec?.conversion?.strategy === "Webhook";
    return definitionsOf(crd, isConverted ? this.#converter(crd) : undefined);
  }

  #isServed(crd: CustomResourceDefinition): boolean {
    return this.#registry.custom.some(
      (definition) => definition.group === crd.spec?.group && definition.resource === crd.spec?.names?.plural,
    );
  }

  /** Names are unique within a group: another definition that was accepted keeps its own. */
  #nameConflict(crd: CustomResourceDefinition): { readonly reason: string; readonly message: string } | undefined {
    const names = crd.spec?.names;
    for (const other of this.#registry.custom) {
      if (other.group !== crd.spec?.group || other.resource === names?.plural) continue;
      if (other.kind === names?.kind) return { reason: "KindConflict", message: `"${names?.kind}" is already in use` };
      if (other.listKind === names?.listKind)
        return { reason: "ListKindConflict", message: `"${names?.listKind}" is already in use` };
      if (other.singular === names?.singular)
        return { reason: "SingularConflict", message: `"${names?.singular}" is already in use` };
      const short = names?.shortNames?.find((name) => other.shortNames.includes(name));
      if (short !== undefined) return { reason: "ShortNamesConflict", message: `"${short}" is already in use` };
    }
    return undefined;
  }

  async #report(
    crd: CustomResourceDefinition,
    conflict: { readonly reason: string; readonly message: string } | undefined,
  ): Promise<void> {
    const definition = this.#registry.get("apiextensions.k8s.io", "v1", "customresourcedefinitions")!;
    const name = crd.metadata?.name ?? "";
    const now = formatTime(this.#clock.now());
    await this.#store.update(definition, PREFIX + name, async (live) => {
      if (live === undefined) return { type: "none" };
      const next = reported(live as unknown as CustomResourceDefinition, conflict, now);
      return jsonEqual(next, live) ? { type: "none" } : { type: "put", object: next as unknown as Unstructured };
    });
    const live = this.#store.get(definition, "", name)?.object as unknown as CustomResourceDefinition | undefined;
    if (live?.metadata?.deletionTimestamp !== undefined && live.metadata.finalizers?.includes(FINALIZER) === true)
      await this.#cleanUp(live);
  }

  /** Deletes every object of a definition that is being deleted, then lets the definition go. */
  async #cleanUp(crd: CustomResourceDefinition): Promise<void> {
    const [definition] = definitionsOf(crd);
    if (definition !== undefined) {
      for (const [, cached] of this.#store.cache.head.range(definition.storage.prefix)) {
        const { namespace = "", name = "" } = cached.object.metadata ?? {};
        const request: WriteRequest = {
          context: INTERNAL,
          definition,
          namespace,
          name,
          subresource: "",
          dryRun: false,
          fieldManager: "",
        };
        await deleteObject(this.#writer, request, {}).catch(() => {}); // gone meanwhile
      }
      if (this.#store.cache.head.count(definition.storage.prefix) > 0) {
        // finalizers hold some: look again later
        this.#clock.after(1000, () => detach(this.#cleanUp(crd), this.#logger, "cannot delete custom resources"), {
          background: true,
        });
        return;
      }
    }
    const own = this.#registry.get("apiextensions.k8s.io", "v1", "customresourcedefinitions")!;
    await this.#store.update(own, PREFIX + (crd.metadata?.name ?? ""), async (live) => {
      if (live === undefined) return { type: "none" };
      const finalizers = (live.metadata?.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER);
      if (finalizers.length === 0) return { type: "delete" };
      return { type: "put", object: { ...live, metadata: { ...live.metadata, finalizers } } };
    });
  }
}

const INTERNAL: RequestContext = {
  request: { method: "DELETE", path: "/", headers: {}, remoteAddress: "" },
  info: {
    isResource: true,
    path: "/",
    query: new URLSearchParams(),
    verb: "delete",
    group: "",
    version: "",
    resource: "",
    subresource: "",
    namespace: "",
    name: "",
    rest: "",
  },
  user: { name: "system:apiserver", groups: ["system:masters"], extra: {} },
  signal: new AbortController().signal,
  warn: () => {},
  hasWarned: false,
};

function reported(
  crd: CustomResourceDefinition,
  conflict: { readonly reason: string; readonly message: string } | undefined,
  now: string,
): CustomResourceDefinition {
  const names = crd.spec?.names ?? {};
  const before = crd.status?.conditions ?? [];
  const condition = (
    type: string,
    status: boolean,
    reason: string,
    message: string,
  ): CustomResourceDefinitionCondition => {
    const old = before.find((candidate) => candidate.type === type);
    const value = status ? "True" : "False";
    const lastTransitionTime = old?.status === value ? (old.lastTransitionTime ?? now) : now;
    return { type, status: value, lastTransitionTime, reason, message };
  };
  const accepted = conflict === undefined;
  const conditions = [
    accepted
      ? condition("NamesAccepted", true, "NoConflicts", "no conflicts found")
      : condition("NamesAccepted", false, conflict.reason, conflict.message),
    accepted || isEstablished(crd)
      ? condition("Established", true, "InitialNamesAccepted", "the initial names have been accepted")
      : condition("Established", false, "NotAccepted", "not all names are accepted"),
    ...(crd.metadata?.deletionTimestamp === undefined
      ? []
      : [condition("Terminating", true, "InstanceDeletionInProgress", "CustomResource deletion is in progress")]),
  ];
  const stored = (crd.spec?.versions ?? [])
    .filter((version) => version.storage === true)
    .map((version) => version.name ?? "");
  const storedVersions = [...new Set([...(crd.status?.storedVersions ?? []), ...stored])];
  const known = [...before.filter((old) => !conditions.some((now) => now.type === old.type)), ...conditions];
  return {
    ...crd,
    status: {
      ...crd.status,
      conditions: known,
      acceptedNames: accepted ? names : (crd.status?.acceptedNames ?? { plural: "", kind: "" }),
      storedVersions,
    } as NonNullable<CustomResourceDefinition["status"]>,
  };
}
