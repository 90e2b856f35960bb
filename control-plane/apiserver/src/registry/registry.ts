import {
  apiVersionOf,
  builtinResource,
  kindOf,
  type ObjectSchema,
  parseApiVersion,
  type ResourceInfo,
  schemaOf,
  strategyOf,
} from "@tsukube/api";
import type { Cancel } from "@tsukube/foundation";
import type { ResourceDefinition } from "./definition.ts";
import { deprecationOf } from "./deprecations.ts";
import { keyPairWarnings } from "./key-pair-warnings.ts";
import { proofErrors } from "./proof-of-possession.ts";
import { servedResources } from "./runtime-config.ts";
import { noticeOf } from "./unreconciled.ts";

/** Answers of these resources are made on the spot; nothing is stored. */
function isVirtual(group: string, resource: string): boolean {
  return builtinResource(group, resource)?.isVirtual === true;
}

/** Every resource that is served, built-in and custom. */
export class Registry {
  readonly #builtin = new Map<string, ResourceDefinition>();
  readonly #infos = new Map<string, ResourceInfo>();
  readonly #custom = new Map<string, ResourceDefinition>();
  readonly #watchers = new Map<string, Set<() => void>>();
  #version = 0;

  /** @param infos Which built-in resources are served: those of upstream's defaults. */
  constructor(infos = servedResources("")) {
    for (const info of infos) this.#infos.set(keyOf(info), info);
  }

  /** Changes whenever a custom resource comes, changes or goes: for ETags. */
  get version(): number {
    return this.#version;
  }

  /** Stored resources only; compiled on first use, because a start must not pay for what nobody asks for. */
  get(group: string, version: string, resource: string): ResourceDefinition | undefined {
    const key = keyOf({ group, version, resource });
    const custom = this.#custom.get(key);
    if (custom !== undefined) return custom;
    const present = this.#builtin.get(key);
    if (present !== undefined) return present;
    const info = this.#infos.get(key);
    if (info === undefined || isVirtual(group, resource)) return undefined;
    const definition = define(info);
    this.#builtin.set(key, definition);
    return definition;
  }

  /** Whether there is such a resource, stored or not, with such a subresource; "" for the resource itself. */
  serves(group: string, version: string, resource: string, subresource: string): boolean {
    const definition = this.get(group, version, resource);
    if (subresource === "") return definition !== undefined || this.isVirtual(group, version, resource);
    return definition?.subresources.some(({ name }) => name === subresource) === true;
  }

  isVirtual(group: string, version: string, resource: string): boolean {
    return isVirtual(group, resource) && this.#infos.has(keyOf({ group, version, resource }));
  }

  /** Rows of facts/resources.tsv that are served. */
  get infos(): readonly ResourceInfo[] {
    return [...this.#infos.values()];
  }

  get custom(): readonly ResourceDefinition[] {
    return [...this.#custom.values()];
  }

  /** Custom resources that discovery tells of; those just defined are served already. */
  get established(): readonly ResourceDefinition[] {
    return this.custom.filter(({ custom }) => custom?.isEstablished === true);
  }

  /** All stored resources, each in every served version. */
  *all(): IterableIterator<ResourceDefinition> {
    for (const { group, version, resource } of this.#infos.values()) {
      const definition = this.get(group, version, resource);
      if (definition !== undefined) yield definition;
    }
    yield* this.#custom.values();
  }

  hasGroup(group: string): boolean {
    return (
      this.infos.some((info) => info.group === group) || this.custom.some((definition) => definition.group === group)
    );
  }

  hasVersion(group: string, version: string): boolean {
    const same = (entry: { readonly group: string; readonly version: string }): boolean =>
      entry.group === group && entry.version === version;
    return this.infos.some(same) || this.custom.some(same);
  }

  /** Whether a built-in resource has that name, whatever the version. */
  isBuiltIn({ group, resource }: { readonly group: string; readonly resource: string }): boolean {
    return this.infos.some((info) => info.group === group && info.resource === resource);
  }

  /**
   * Replaces the served versions of one custom resource ("widgets.example.com"). What is built in is served as it is.
   * @param isOther What watchers are shown looks different from now on.
   */
  setCustom(group: string, resource: string, definitions: readonly ResourceDefinition[], isOther: boolean): void {
    const gone = new Set<string>();
    for (const [key, definition] of this.#custom) {
      if (definition.group !== group || definition.resource !== resource) continue;
      this.#custom.delete(key);
      gone.add(key);
    }
    for (const definition of definitions) {
      const key = keyOf(definition);
      if (this.#infos.has(key)) continue;
      this.#custom.set(key, definition);
      if (!isOther) gone.delete(key);
    }
    this.#version += 1;
    for (const key of gone) for (const tell of [...(this.#watchers.get(key) ?? [])]) tell();
  }

  /** Calls when the custom resource is not served any more as it is now. */
  whenReplaced(definition: ResourceDefinition, tell: () => void): Cancel {
    if (definition.custom === undefined) return () => {};
    const key = keyOf(definition);
    const all = this.#watchers.get(key) ?? new Set();
    this.#watchers.set(key, all.add(tell));
    return () => {
      all.delete(tell);
      if (all.size === 0) this.#watchers.delete(key);
    };
  }
}

function keyOf(gvr: { readonly group: string; readonly version: string; readonly resource: string }): string {
  return `${gvr.group}/${gvr.version}/${gvr.resource}`;
}

function define(info: ResourceInfo): ResourceDefinition {
  const { group, version, resource, kind } = info;
  const row = kindOf({ group, version, kind });
  // upstream keeps CustomResourceDefinitions as v1beta1, which it no longer serves: here the served version is kept
  const wanted = { ...parseApiVersion(row?.storageVersion ?? apiVersionOf(info)), kind };
  const gvk = schemaOf(wanted) === undefined ? { group, version, kind } : wanted;
  const hasStatus = info.subresources.some((subresource) => subresource.name === "status");
  const deprecation = deprecationOf(info);
  const notice = noticeOf(info);
  return {
    ...(notice !== undefined && { notice }),
    ...(deprecation !== undefined && { deprecation }),
    group,
    version,
    resource,
    kind,
    listKind: row?.listKind ?? `${kind}List`,
    singular: kind.toLowerCase(),
    namespaced: info.namespaced,
    verbs: info.verbs,
    subresources: info.subresources,
    shortNames: info.shortNames,
    categories: info.categories,
    schema: schemaOf({ group, version, kind }) as ObjectSchema,
    typed: true,
    storage: {
      prefix: (row?.etcdKey ?? `/registry/${resource}/`).replace(/\{.*$/, ""),
      gvk,
      schema: schemaOf(gvk) as ObjectSchema,
    },
    strategy: strategyOf(info, hasStatus),
    ...(group === "" && resource === "secrets" && { warnings: keyPairWarnings }),
    ...(group === "certificates.k8s.io" && resource === "podcertificaterequests" && { proofs: proofErrors }),
  };
}
