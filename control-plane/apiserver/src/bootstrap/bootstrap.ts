import { factsText, normalize, type Unstructured } from "@tsukube/api";
import type { PolicyRule, Subject } from "@tsukube/api/types/rbac-v1";
import { type Clock, formatTime, type Random } from "@tsukube/foundation";
import type { Registry } from "../registry/registry.ts";
import type { ObjectStore } from "../storage/object-store.ts";

/** Created when absent; what exists is left alone. */
const CREATED = [
  "v1 namespaces",
  "apiregistration.k8s.io/v1 apiservices",
  "scheduling.k8s.io/v1 priorityclasses",
  "flowcontrol.apiserver.k8s.io/v1 prioritylevelconfigurations",
  "flowcontrol.apiserver.k8s.io/v1 flowschemas",
] as const;

/** Brought up to date at every start: rules and subjects that are missing are added, what was added by hand stays. */
const RECONCILED = [
  "rbac.authorization.k8s.io/v1 clusterroles",
  "rbac.authorization.k8s.io/v1 clusterrolebindings",
  "rbac.authorization.k8s.io/v1 roles",
  "rbac.authorization.k8s.io/v1 rolebindings",
] as const;

const AUTO_UPDATE = "rbac.authorization.kubernetes.io/autoupdate";

type RbacObject = Unstructured & {
  readonly rules?: readonly PolicyRule[] | null;
  readonly subjects?: readonly Subject[] | null;
};

export interface BootstrapDeps {
  readonly store: ObjectStore;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  /** Objects besides those that upstream always has, by "group/version resource". */
  readonly more: readonly BootstrapObjects[];
}

/** By "group/version resource". */
export type BootstrapObjects = Readonly<Record<string, readonly object[]>>;

/** What a fresh API server creates by itself (facts/bootstrap.json). All of it shares few commits. */
export async function bootstrap(deps: BootstrapDeps): Promise<void> {
  const facts = JSON.parse(factsText("bootstrap.json")) as Record<string, readonly Unstructured[]>;
  const writes: Promise<unknown>[] = [];
  for (const where of new Set([...CREATED, ...RECONCILED, ...deps.more.flatMap(Object.keys)])) {
    const isReconciled = (RECONCILED as readonly string[]).includes(where);
    const own = isReconciled || (CREATED as readonly string[]).includes(where) ? (facts[where] ?? []) : [];
    const others = deps.more.flatMap((objects) => (objects[where] ?? []) as readonly Unstructured[]);
    for (const object of [...own, ...others]) writes.push(ensure(deps, where, object, isReconciled));
  }
  await Promise.all(writes);
}

async function ensure(deps: BootstrapDeps, where: string, wanted: Unstructured, reconcile: boolean): Promise<void> {
  const [apiVersion = "", resource = ""] = where.split(" ");
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  const definition = deps.registry.get(group ?? "", version ?? "", resource);
  if (definition === undefined) return;
  const { namespace = "", name = "" } = wanted.metadata ?? {};
  await deps.store.update(definition, deps.store.keyOf(definition, namespace, name), async (live) => {
    if (live === undefined) {
      const metadata = {
        ...wanted.metadata,
        uid: deps.random.uuid(),
        creationTimestamp: formatTime(deps.clock.now()),
        ...(definition.strategy.generation && { generation: 1 }),
      };
      const object = normalize<Unstructured>(
        { ...wanted, kind: definition.kind, apiVersion, metadata },
        definition.schema,
      ).object;
      return { type: "put", object };
    }
    if (!reconcile || live.metadata?.annotations?.[AUTO_UPDATE] === "false") return { type: "none" };
    const merged = merge(live as RbacObject, wanted as RbacObject);
    return merged === live
      ? { type: "none" }
      : { type: "put", object: normalize<Unstructured>(merged, definition.schema).object };
  });
}

function merge(live: RbacObject, wanted: RbacObject): RbacObject {
  const rules = missing(live.rules ?? [], wanted.rules ?? []);
  const subjects = missing(live.subjects ?? [], wanted.subjects ?? []);
  if (rules.length + subjects.length === 0) return live;
  return {
    ...live,
    ...(rules.length > 0 && { rules: [...(live.rules ?? []), ...rules] }),
    ...(subjects.length > 0 && { subjects: [...(live.subjects ?? []), ...subjects] }),
  };
}

function missing<T extends object>(present: readonly T[], wanted: readonly T[]): readonly T[] {
  const text = (value: object): string =>
    JSON.stringify(
      Object.entries(value)
        .filter(([, member]) => member !== null)
        .sort(),
    );
  const known = new Set(present.map(text));
  return wanted.filter((value) => !known.has(text(value)));
}
