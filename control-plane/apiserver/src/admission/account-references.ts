import { ApiError, type Unstructured } from "@tsukube/api";
import type { Container, Pod, ServiceAccount } from "@tsukube/api/types/core-v1";
import { secretsOf } from "../authorization/pod-references.ts";
import type { AdmissionAttributes } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import { refusal } from "./refusal.ts";

const MIRROR = "kubernetes.io/config.mirror";
const ENFORCES = "kubernetes.io/enforce-mountable-secrets";
/** As Go's strconv.ParseBool has it. */
const TRUE = new Set(["1", "t", "T", "true", "TRUE", "True"]);

type Account = ServiceAccount & Unstructured;

/** Whether the pod tells of one that a node runs by itself. */
export function isMirror(pod: Unstructured | undefined): boolean {
  return pod?.metadata?.annotations?.[MIRROR] !== undefined;
}

/** The pod's account. @throws {ApiError} 403. */
export function accountOf(cache: WatchCache, attributes: AdmissionAttributes, name: string): Account {
  const { namespace } = attributes;
  const found = cache.get(`/registry/serviceaccounts/${namespace}/${name}`)?.object as Account | undefined;
  if (found !== undefined) return found;
  const why = `serviceaccount "${name}" not found`;
  throw refusal(attributes, `error looking up service account ${namespace}/${name}: ${why}`);
}

/**
 * A new pod references the Secrets that its account may mount, as far as that one says so, and a mirror pod none at all.
 * @throws {ApiError} 403.
 */
export function checkReferences(cache: WatchCache, attributes: AdmissionAttributes): void {
  const { object } = attributes;
  const why = isMirror(object)
    ? mirrorProblem(object as Pod)
    : accountProblem(enforcing(cache, attributes), object as Pod);
  if (why !== undefined) throw refusal(attributes, why);
}

/** As {@link checkReferences}, of ephemeral containers. @throws {ApiError} 500, 403 without an account. */
export function checkEphemeralReferences(cache: WatchCache, attributes: AdmissionAttributes): void {
  const account = enforcing(cache, attributes);
  const containers = ((attributes.object as Pod).spec?.ephemeralContainers ?? []) as readonly Container[];
  const why = account && containersProblem(account, "ephemeral container", containers);
  if (why !== undefined) throw ApiError.unknown(why);
}

/** The pod's account, if it wants its Secrets to be the only ones. @throws {ApiError} 403. */
function enforcing(cache: WatchCache, attributes: AdmissionAttributes): Account | undefined {
  const { namespace, object } = attributes;
  const { serviceAccountName = "" } = (object as Pod).spec ?? {};
  if (serviceAccountName === "")
    throw refusal(attributes, `no service account specified for pod ${namespace}/${object?.metadata?.name ?? ""}`);
  const account = accountOf(cache, attributes, serviceAccountName);
  return TRUE.has(account.metadata?.annotations?.[ENFORCES] ?? "") ? account : undefined;
}

function mirrorProblem(pod: Pod): string | undefined {
  if ((pod.spec?.serviceAccountName ?? "") !== "") return "a mirror pod may not reference service accounts";
  if (secretsOf(pod).length > 0) return "a mirror pod may not reference secrets";
  const sources = (pod.spec?.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
  const hasToken = sources.some(({ serviceAccountToken }) => (serviceAccountToken ?? undefined) !== undefined);
  return hasToken ? "a mirror pod may not use ServiceAccountToken volume projections" : undefined;
}

function accountProblem(account: Account | undefined, { spec }: Pod): string | undefined {
  if (account === undefined) return undefined;
  const mayMount = mountableOf(account);
  for (const { secret } of spec?.volumes ?? [])
    if (secret && !mayMount(secret.secretName ?? "")) return foreign("volume with", secret.secretName, account);
  const ofContainers =
    containersProblem(account, "init container", spec?.initContainers ?? []) ??
    containersProblem(account, "container", spec?.containers ?? []);
  if (ofContainers !== undefined) return ofContainers;
  const pulls = new Set((account.imagePullSecrets ?? []).map(({ name = "" }) => name));
  const at = (spec?.imagePullSecrets ?? []).findIndex(({ name = "" }) => !pulls.has(name));
  if (at < 0) return undefined;
  const name = spec?.imagePullSecrets?.[at]?.name ?? "";
  return `imagePullSecrets[${at}].name="${name}" is not allowed because service account ${account.metadata?.name} does not reference that imagePullSecret`;
}

function containersProblem(account: Account, what: string, containers: readonly Container[]): string | undefined {
  const mayMount = mountableOf(account);
  for (const container of containers) {
    const { name, env = [], envFrom = [] } = container;
    for (const { name: variable, valueFrom } of env) {
      const secret = valueFrom?.secretKeyRef;
      if (secret && !mayMount(secret.name ?? ""))
        return foreign(`${what} ${name} with envVar ${variable} referencing`, secret.name, account);
    }
    for (const { secretRef } of envFrom)
      if (secretRef && !mayMount(secretRef.name ?? ""))
        return foreign(`${what} ${name} with envFrom referencing`, secretRef.name, account);
  }
  return undefined;
}

function mountableOf({ secrets }: Account): (name: string) => boolean {
  const names = new Set((secrets ?? []).map(({ name = "" }) => name));
  return (name) => names.has(name);
}

function foreign(what: string, secret: string | undefined, { metadata }: Account): string {
  return `${what} secret.secretName="${secret ?? ""}" is not allowed because service account ${metadata?.name} does not reference that secret`;
}
