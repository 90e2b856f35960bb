import { ApiError, type KubeObject } from "@tsukube/api";
import type { TokenRequest } from "@tsukube/api/types/authentication-v1";
import type {
  ConfigMap,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  Secret,
  Service,
} from "@tsukube/api/types/core-v1";
import type { Client } from "@tsukube/client";
import type { Clock } from "@tsukube/foundation";
import type { EnvironmentSources } from "../containers/environment.ts";
import type { ClusterTrustBundles } from "./cluster-trust-bundles.ts";
import type { PodCertificates } from "./pod-certificates.ts";
import type { ObjectReference, ReferencedObjects } from "./referenced-objects.ts";
import type { VolumeSources } from "./volume-sources.ts";

const core = (resource: string) => ({ group: "", version: "v1", resource });
/** A token is replaced when so much of its life has passed. */
const TOKEN_MARGIN = 0.8;

export interface ApiSourcesDeps {
  readonly client: Client;
  readonly clock: Clock;
  /** Saves asking again for what is watched anyway. */
  readonly references: ReferencedObjects;
  readonly services: () => readonly Service[];
  readonly hostIps: readonly string[];
  readonly nodeName: string;
  readonly allocatable: EnvironmentSources["allocatable"];
  readonly trustBundles: ClusterTrustBundles;
  readonly certificates: PodCertificates;
}

interface Token {
  readonly token: string;
  readonly renewAt: number;
}

/** What pods' environments and volumes are made from, asked of the API server. */
export class ApiSources {
  readonly #deps: ApiSourcesDeps;
  readonly #tokens = new Map<string, Token>();

  constructor(deps: ApiSourcesDeps) {
    this.#deps = deps;
  }

  secret(namespace: string, name: string): Promise<Secret | undefined> {
    return this.#seenOrAsked<Secret>({ resource: "secrets", name }, namespace);
  }

  of(pod: Pod, podIps: readonly string[]): VolumeSources {
    const { client, hostIps, nodeName, allocatable, trustBundles, certificates } = this.#deps;
    const { namespace = "", uid = "" } = pod.metadata ?? {};
    const claims = client.resource<PersistentVolumeClaim>(core("persistentvolumeclaims"), namespace);
    return {
      configMap: (name) => this.#seenOrAsked<ConfigMap>({ resource: "configmaps", name }, namespace),
      secret: (name) => this.secret(namespace, name),
      claim: (name) => orUndefined(claims.get(name)),
      volume: (name) => orUndefined(client.resource<PersistentVolume>(core("persistentvolumes")).get(name)),
      services: this.#servicesOf(pod),
      podIps,
      hostIps,
      nodeName,
      allocatable,
      token: (audience, seconds) => this.#token(pod, audience, seconds),
      trustAnchors: (projection) => trustBundles.anchors(uid, projection),
      certificate: (volume, index, projection) => certificates.credentials({ pod, volume, index }, projection),
    };
  }

  /** The pod is gone: its tokens and certificates are of no use. */
  forget(podUid: string): void {
    this.#deps.trustBundles.release(podUid);
    this.#deps.certificates.forget(podUid);
    for (const key of this.#tokens.keys()) if (key.startsWith(`${podUid} `)) this.#tokens.delete(key);
  }

  async #seenOrAsked<T extends KubeObject>(reference: ObjectReference, namespace: string): Promise<T | undefined> {
    const { client, references } = this.#deps;
    const seen = references.seen(reference, namespace);
    if (seen !== "unknown") return seen as T | undefined;
    return orUndefined(client.resource<T>(core(reference.resource), namespace).get(reference.name));
  }

  #servicesOf(pod: Pod): readonly Service[] {
    const wantsLinks = pod.spec?.enableServiceLinks !== false;
    return this.#deps.services().filter(({ metadata }) => {
      const isApi = metadata?.namespace === "default" && metadata.name === "kubernetes";
      return isApi || (wantsLinks && metadata?.namespace === pod.metadata?.namespace);
    });
  }

  async #token(pod: Pod, audience: string, expirationSeconds: number): Promise<string> {
    const { client, clock } = this.#deps;
    const { namespace = "", name = "", uid = "" } = pod.metadata ?? {};
    const key = `${uid} ${audience} ${expirationSeconds}`;
    const present = this.#tokens.get(key);
    if (present !== undefined && present.renewAt > clock.now()) return present.token;
    const audiences = audience === "" ? [] : [audience];
    const boundObjectRef = { kind: "Pod", apiVersion: "v1", name, uid };
    const request: TokenRequest = { spec: { audiences, expirationSeconds, boundObjectRef } };
    const answer = await client
      .resource(core("serviceaccounts"), namespace)
      .createSubresource<TokenRequest>(pod.spec?.serviceAccountName ?? "default", "token", request);
    const token = answer.status?.token ?? "";
    this.#tokens.set(key, { token, renewAt: clock.now() + expirationSeconds * 1000 * TOKEN_MARGIN });
    return token;
  }
}

async function orUndefined<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (ApiError.is(error, "NotFound")) return undefined;
    throw error;
  }
}
