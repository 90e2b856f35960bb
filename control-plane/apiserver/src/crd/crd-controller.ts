import { caBundleProblem, isTrueOf, jsonEqual, type Unstructured, withCondition } from "@tsukube/api";
import type { CustomResourceDefinition } from "@tsukube/api/types/apiextensions-v1";
import { type Clock, detach, formatTime, type Logger } from "@tsukube/foundation";
import type { RequestContext } from "../contracts.ts";
import { deleteObject } from "../endpoints/delete.ts";
import type { WriteRequest, Writer } from "../endpoints/writer.ts";
import { updatedByServer } from "../ownership/own-fields.ts";
import type { ConvertObjects, ResourceDefinition } from "../registry/definition.ts";
import type { Registry } from "../registry/registry.ts";
import type { CachedObject } from "../storage/cached-object.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { acceptedNames, areAccepted, type Naming } from "./accepted-names.ts";
import { approvalOf } from "./approval.ts";
import { definitionsOf, isEstablished } from "./custom-definition.ts";
import { nonStructural, withoutNonStructural } from "./non-structural.ts";

const PREFIX = "/registry/apiextensions.k8s.io/customresourcedefinitions/";
const FINALIZER = "customresourcecleanup.apiextensions.k8s.io";

/**
 * Serves what CustomResourceDefinitions define as soon as their names are accepted, and cleans up behind those that are deleted.
 * Definitions are looked at one after the other, so that two that ask for a name at once do not both get it.
 */
export class CrdController {
  readonly #store: ObjectStore;
  readonly #registry: Registry;
  readonly #writer: Writer;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #converter: (crd: CustomResourceDefinition) => ConvertObjects;
  /** Keys of those to look at. */
  readonly #due = new Set<string>();
  #isBusy = false;

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
    for (const [key, cached] of store.cache.head.range(PREFIX)) {
      this.#serve(definitionOf(cached));
      this.#look(key);
    }
    store.cache.subscribe(PREFIX, (events) => {
      for (const { key, current, previous } of events) {
        const before = previous && definitionOf(previous);
        if (current === undefined) this.#withdraw(before!);
        else this.#serve(definitionOf(current), before);
        this.#look(key);
      }
    });
  }

  #withdraw(crd: CustomResourceDefinition): void {
    this.#registry.setCustom(crd.spec?.group ?? "", crd.spec?.names?.plural ?? "", [], true);
    this.#lookAtGroupOf(crd); // its names are free now
  }

  #serve(crd: CustomResourceDefinition, before?: CustomResourceDefinition): void {
    const isServed = isTrueOf(crd, "NamesAccepted") || isEstablished(crd);
    const isOther =
      before !== undefined &&
      !(jsonEqual(crd.spec, before.spec) && jsonEqual(crd.status?.acceptedNames, before.status?.acceptedNames));
    const definitions = isServed ? this.#definitionsOf(crd) : [];
    this.#registry.setCustom(crd.spec?.group ?? "", crd.spec?.names?.plural ?? "", definitions, isOther);
  }

  #definitionsOf(crd: CustomResourceDefinition): readonly ResourceDefinition[] {
    const isConverted = crd.spec?.conversion?.strategy === "Webhook";
    return definitionsOf(crd, isConverted ? this.#converter(crd) : undefined);
  }

  #lookAtGroupOf({ metadata, spec }: CustomResourceDefinition): void {
    for (const [key, cached] of this.#store.cache.head.range(PREFIX)) {
      const other = definitionOf(cached);
      if (other.spec?.group === spec?.group && other.metadata?.name !== metadata?.name) this.#look(key);
    }
  }

  #look(key: string): void {
    this.#due.add(key);
    if (this.#isBusy) return;
    this.#isBusy = true;
    detach(this.#lookAtAll(), this.#logger, "cannot write the status of a CustomResourceDefinition");
  }

  async #lookAtAll(): Promise<void> {
    try {
      for (const key of this.#due) {
        this.#due.delete(key);
        await this.#report(key);
      }
    } finally {
      this.#isBusy = false;
    }
  }

  async #report(key: string): Promise<void> {
    const definition = this.#registry.get("apiextensions.k8s.io", "v1", "customresourcedefinitions")!;
    const now = formatTime(this.#clock.now());
    let isChanged = false;
    await this.#store.update(definition, key, async (live) => {
      if (live === undefined) return { type: "none" };
      const crd = live as unknown as CustomResourceDefinition;
      const next = reported(crd, this.#groupOf(crd), now);
      isChanged = !jsonEqual(next, live);
      if (!isChanged) return { type: "none" };
      const deps = { registry: this.#registry, clock: this.#clock };
      const object = updatedByServer(deps, definition, live, next as unknown as Unstructured, STATUS);
      return { type: "put", object };
    });
    const cached = this.#store.cache.head.get(key);
    if (cached === undefined) return;
    const live = definitionOf(cached);
    if (isChanged) this.#lookAtGroupOf(live); // it may have let names go
    if (live.metadata?.deletionTimestamp !== undefined && live.metadata.finalizers?.includes(FINALIZER) === true)
      detach(this.#cleanUp(live), this.#logger, "cannot delete custom resources");
  }

  #groupOf(crd: CustomResourceDefinition): readonly CustomResourceDefinition[] {
    return [...this.#store.cache.head.range(PREFIX)]
      .map(([, cached]) => definitionOf(cached))
      .filter(({ spec }) => spec?.group === crd.spec?.group);
  }

  /** Deletes every object of a definition that is being deleted, then lets the definition go. */
  async #cleanUp(crd: CustomResourceDefinition): Promise<void> {
    const [definition] = definitionsOf(crd);
    if (definition !== undefined && isEstablished(crd) && !this.#registry.isBuiltIn(definition)) {
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
        await deleteObject(this.#writer, request, {}, "definition").catch(() => {}); // gone meanwhile
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

const STATUS = { subresource: "status" } as const;

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

function definitionOf(cached: CachedObject): CustomResourceDefinition {
  return cached.object as unknown as CustomResourceDefinition;
}

/** The definition with what its status says now. */
function reported(
  crd: CustomResourceDefinition,
  group: readonly CustomResourceDefinition[],
  now: string,
): CustomResourceDefinition {
  let next = established(areAccepted(crd) ? crd : named(crd, acceptedNames(crd, group), now), now);
  const approval = approvalOf(crd);
  if (approval !== undefined) next = withCondition(next, approval, now);
  const violations = nonStructural(crd);
  next = violations === undefined ? withoutNonStructural(next) : withCondition(next, violations, now);
  const [type, message] = ["Terminating", "CustomResource deletion is in progress"];
  const isLeaving = crd.metadata?.deletionTimestamp !== undefined;
  return isLeaving
    ? withCondition(next, { type, status: "True", reason: "InstanceDeletionInProgress", message }, now)
    : next;
}

function named(crd: CustomResourceDefinition, { names, conflict }: Naming, now: string): CustomResourceDefinition {
  const status = { ...crd.status, acceptedNames: names } as NonNullable<CustomResourceDefinition["status"]>;
  const accepted =
    conflict === undefined
      ? ({ status: "True", reason: "NoConflicts", message: "no conflicts found" } as const)
      : ({ status: "False", ...conflict } as const);
  return withCondition({ ...crd, status }, { type: "NamesAccepted", ...accepted }, now);
}

/** Whoever is established stays so, whatever names it asks for later. */
function established(crd: CustomResourceDefinition, now: string): CustomResourceDefinition {
  if (isEstablished(crd)) return crd;
  const condition = !isTrueOf(crd, "NamesAccepted")
    ? ({ status: "False", reason: "NotAccepted", message: "not all names are accepted" } as const)
    : caBundleProblem(crd.spec?.conversion?.webhook?.clientConfig?.caBundle) !== undefined
      ? ({ status: "False", reason: "InvalidCABundle", message: "The conversion webhook CABundle is invalid" } as const)
      : ({ status: "True", reason: "InitialNamesAccepted", message: "the initial names have been accepted" } as const);
  return withCondition(crd, { type: "Established", ...condition }, now);
}
