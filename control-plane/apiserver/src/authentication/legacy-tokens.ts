import { timingSafeEqual } from "node:crypto";
import type { Secret, ServiceAccount } from "@tsukube/api/types/core-v1";
import { type Clock, formatTime, type Logger, messageOf } from "@tsukube/foundation";
import { updatedByServer } from "../ownership/own-fields.ts";
import type { Registry } from "../registry/registry.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import { TokenProblem } from "./token-problem.ts";

/** The issuer of tokens that kube-controller-manager puts into Secrets. They never expire and are for the API server alone. */
export const LEGACY_ISSUER = "kubernetes/serviceaccount";

export interface LegacyClaims {
  readonly iss: typeof LEGACY_ISSUER;
  readonly sub: string;
  readonly "kubernetes.io/serviceaccount/namespace": string;
  readonly "kubernetes.io/serviceaccount/secret.name": string;
  readonly "kubernetes.io/serviceaccount/service-account.name": string;
  readonly "kubernetes.io/serviceaccount/service-account.uid": string;
}

/** Whose token it is. */
export interface LegacyAccount {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

const LAST_USED = "kubernetes.io/legacy-token-last-used";
/** Set by who found that nobody uses it any more. */
const INVALID_SINCE = "kubernetes.io/legacy-token-invalid-since";

/** Of a token of a Secret that kube-controller-manager made, that somebody made, or that is invalid by now. */
export type LegacyUse = "legacyAuto" | "legacyManual" | "legacyInvalid";

/**
 * Whose it is, as long as the Secret holds this very token, and its account is the same.
 * @param noteUse Told of each good use, and of those of tokens that were declared invalid. @throws {TokenProblem}
 */
export function legacyAccountOf(
  claims: LegacyClaims,
  token: string,
  cache: WatchCache,
  noteUse: (secret: Secret, use: LegacyUse) => void,
): LegacyAccount {
  const claim = (name: string): string =>
    (claims as unknown as Readonly<Record<string, string>>)[`kubernetes.io/serviceaccount/${name}`] ?? "";
  const namespace = claim("namespace");
  const secretName = claim("secret.name");
  const name = claim("service-account.name");
  const uid = claim("service-account.uid");
  if (claims.sub !== `system:serviceaccount:${namespace}:${name}`) throw new TokenProblem("sub claim is invalid");
  const secret = cache.get(`/registry/secrets/${namespace}/${secretName}`)?.object as Secret | undefined;
  if (secret === undefined || secret.metadata?.deletionTimestamp !== undefined)
    throw new TokenProblem("Token has been invalidated");
  if (!isSame(Buffer.from(secret.data?.["token"] ?? "", "base64"), Buffer.from(token)))
    throw new TokenProblem("Token does not match server's copy");
  const account = cache.get(`/registry/serviceaccounts/${namespace}/${name}`)?.object as ServiceAccount | undefined;
  if (account === undefined) throw new TokenProblem(`serviceaccounts "${name}" not found`);
  if (account.metadata?.deletionTimestamp !== undefined)
    throw new TokenProblem(`ServiceAccount ${namespace}/${name} has been deleted`);
  if (account.metadata?.uid !== uid)
    throw new TokenProblem(`ServiceAccount UID (${account.metadata?.uid}) does not match claim (${uid})`);
  if ((secret.metadata?.labels?.[INVALID_SINCE] ?? "") !== "") {
    noteUse(secret, "legacyInvalid");
    const remedy = `Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the '${INVALID_SINCE}' label from the secret to temporarily allow use of this token`;
    throw new TokenProblem(
      `the token in secret ${namespace}/${secretName} for service account ${namespace}/${name} has been marked invalid. ${remedy}`,
    );
  }
  const isListed = account.secrets?.some((ref) => ref.name === secret.metadata?.name) === true;
  noteUse(secret, isListed ? "legacyAuto" : "legacyManual");
  return { namespace, name, uid };
}

function isSame(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

const DAY_MS = 86_400_000;

/** Labels Secrets with the day on which their token was used last, once a day: kube-controller-manager removes what is not used. */
export function legacyUseNotes(
  store: ObjectStore,
  registry: Registry,
  clock: Clock,
  logger: Logger,
): (secret: Secret) => void {
  const definition = registry.get("", "v1", "secrets")!;
  const dayAt = (ms: number): string => formatTime(ms).slice(0, 10);
  const isNoted = (secret: Secret | undefined): boolean => {
    const noted = secret?.metadata?.labels?.[LAST_USED];
    return noted === dayAt(clock.now()) || noted === dayAt(clock.now() + DAY_MS); // another server's clock may be ahead
  };
  return (secret) => {
    if (isNoted(secret)) return;
    const { namespace = "", name = "", uid } = secret.metadata ?? {};
    store
      .update(definition, store.keyOf(definition, namespace, name), async (live) => {
        if (live?.metadata?.uid !== uid || isNoted(live as Secret)) return { type: "none" };
        const labels = { ...live?.metadata?.labels, [LAST_USED]: dayAt(clock.now()) };
        const next = { ...live!, metadata: { ...live?.metadata, labels } };
        return { type: "put", object: updatedByServer({ registry, clock }, definition, live, next) };
      })
      .catch((error: unknown) =>
        logger.warn("cannot note the use of a token", { namespace, name, error: messageOf(error) }),
      );
  };
}
