import type { PodCertificateRequest } from "@tsukube/api/types/certificates-v1";
import type { Node, Pod, PodCertificateProjection, ServiceAccount } from "@tsukube/api/types/core-v1";
import {
  type Client,
  createInformerFactory,
  type Informer,
  type InformerDeps,
  type InformerFactory,
} from "@tsukube/client";
import { TsukubeError } from "@tsukube/foundation";
import type { KeyRequest } from "@tsukube/host";
import { certificateBlocks } from "./pem.ts";

/** A request that was made and is not seen for so long was deleted at once. */
const ABANDON_MS = 10 * 60_000;
const OVERDUE_MS = 10 * 60_000;
/** Pods that started together do not ask together. */
const JITTER_MS = 5 * 60_000;

const core = (resource: string) => ({ group: "", version: "v1", resource });
const REQUESTS = { group: "certificates.k8s.io", version: "v1", resource: "podcertificaterequests" };

export interface PodCertificatesDeps extends InformerDeps {
  readonly client: Client;
  readonly nodeName: string;
  makeKey(keyType: string): Promise<KeyRequest>;
  /** Credentials of the pod are there, or will never be. */
  changed(podUid: string): void;
  event(pod: Pod, reason: string, message: string): void;
}

/** Both PEM. */
export interface PodCredentials {
  readonly key: string;
  readonly chain: string;
}

/** Which file of a pod credentials are for. */
export interface CertificatePlace {
  readonly pod: Pod;
  readonly volume: string;
  /** Of the projected volume's sources. */
  readonly index: number;
}

interface Issued extends PodCredentials {
  readonly refreshAt: number;
  readonly notAfter: number;
}

interface Pending {
  readonly name: string;
  readonly key: string;
  readonly abandonAt: number;
  wasSeen: boolean;
}

interface Entry {
  readonly place: CertificatePlace;
  readonly told: Set<string>;
  issued?: Issued | undefined;
  pending?: Pending | undefined;
  /** The signer said no, for good. */
  refusal?: string;
}

/**
 * Certificates that pods show in volumes: for each a key and a PodCertificateRequest, which somebody else signs, and a new
 * one of both when it is time to renew them. Keys live in memory alone: after a restart certificates are asked for anew.
 */
export class PodCertificates {
  readonly #deps: PodCertificatesDeps;
  readonly #entries = new Map<string, Entry>();
  #watched: { readonly informers: InformerFactory; readonly requests: Informer<PodCertificateRequest> } | undefined;
  #nodeUid: string | undefined;

  constructor(deps: PodCertificatesDeps) {
    this.#deps = deps;
  }

  /** @throws {TsukubeError} `volume` while there is no certificate: `changed` says when to ask again. */
  async credentials(place: CertificatePlace, projection: PodCertificateProjection): Promise<PodCredentials> {
    const key = `${place.pod.metadata?.uid} ${place.volume} ${place.index}`;
    const entry: Entry = this.#entries.get(key) ?? { place, told: new Set() };
    this.#entries.set(key, entry);
    this.#watched ??= this.#watch();
    await this.#watched.requests.synced;
    this.#settle(entry);
    if (this.#mustAsk(entry)) {
      entry.pending = await this.#ask(place, projection);
      this.#settle(entry); // the answer may have been faster than we
    }
    this.#tellDelay(entry);
    if (entry.refusal !== undefined) throw new TsukubeError("volume", entry.refusal);
    if (entry.issued === undefined) throw new TsukubeError("volume", "credential bundle is not issued yet");
    return entry.issued;
  }

  forget(podUid: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(`${podUid} `)) this.#entries.delete(key);
  }

  async close(): Promise<void> {
    await this.#watched?.informers.close();
  }

  #watch() {
    const { client, nodeName } = this.#deps;
    const informers = createInformerFactory(client, this.#deps);
    const options = { fieldSelector: `spec.nodeName=${nodeName}` };
    const requests = informers.informer<PodCertificateRequest>(REQUESTS, options);
    const seen = ({ metadata }: PodCertificateRequest): void => {
      for (const entry of this.#entries.values()) {
        const { pod } = entry.place;
        if (entry.pending?.name !== metadata?.name || pod.metadata?.namespace !== metadata?.namespace) continue;
        if (this.#settle(entry) || this.#requestOf(entry) === undefined) this.#deps.changed(pod.metadata?.uid ?? "");
      }
    };
    requests.onChange({ added: seen, updated: (_, request) => seen(request), deleted: seen });
    return { informers, requests };
  }

  #requestOf({ place, pending }: Entry): PodCertificateRequest | undefined {
    if (pending === undefined) return undefined;
    return this.#watched?.requests.get(`${place.pod.metadata?.namespace}/${pending.name}`);
  }

  #mustAsk(entry: Entry): boolean {
    const { issued, pending, refusal } = entry;
    const now = this.#deps.clock.now();
    if (refusal !== undefined) return false;
    if (pending !== undefined)
      return this.#requestOf(entry) === undefined && (pending.wasSeen || now >= pending.abandonAt);
    return issued === undefined || now >= issued.refreshAt;
  }

  /** Takes the answer to what is pending. @returns whether there is one. */
  #settle(entry: Entry): boolean {
    const { place, pending } = entry;
    const { metadata } = place.pod;
    const request = this.#requestOf(entry);
    if (pending === undefined || request === undefined) return false;
    pending.wasSeen = true;
    const answer = request.status?.conditions?.find(({ type }) => type in ANSWERS);
    if (answer === undefined) return false;
    entry.pending = undefined;
    if (answer.type === "Issued") {
      entry.issued = this.#issued(request, pending.key);
      entry.told.clear();
      return true;
    }
    const { type, reason, message } = answer;
    const said = `reason=${JSON.stringify(reason)}, message=${JSON.stringify(message)}`;
    entry.refusal = `PodCertificateRequest was permanently ${type.toLowerCase()}: ${said}`;
    const which = `PodCertificateRequest ${metadata?.namespace}/${pending.name}`;
    this.#deps.event(place.pod, type, `${which} ${ANSWERS[type as keyof typeof ANSWERS]}, ${said}`);
    return true;
  }

  #issued({ status }: PodCertificateRequest, key: string): Issued {
    return {
      key,
      chain: certificateBlocks(status?.certificateChain ?? "").join(""),
      refreshAt: Date.parse(status?.beginRefreshAt ?? "") + this.#deps.random.float() * JITTER_MS,
      notAfter: Date.parse(status?.notAfter ?? ""),
    };
  }

  async #ask({ pod }: CertificatePlace, projection: PodCertificateProjection): Promise<Pending> {
    const { client, clock, nodeName, makeKey } = this.#deps;
    const { name = "", namespace = "", uid = "" } = pod.metadata ?? {};
    const { serviceAccountName = "default" } = pod.spec ?? {};
    const accounts = client.resource<ServiceAccount>(core("serviceaccounts"), namespace);
    const account = await accounts.get(serviceAccountName);
    this.#nodeUid ??= (await client.resource<Node>(core("nodes")).get(nodeName)).metadata?.uid ?? "";
    const { signerName, keyType, maxExpirationSeconds, userAnnotations } = projection;
    const { key, request } = await clock.track(makeKey(keyType));
    const made = await client.resource<PodCertificateRequest>(REQUESTS, namespace).create({
      metadata: { generateName: "req-", ownerReferences: [{ apiVersion: "v1", kind: "Pod", name, uid }] },
      spec: {
        signerName,
        podName: name,
        podUID: uid,
        serviceAccountName,
        serviceAccountUID: account.metadata?.uid ?? "",
        nodeName,
        nodeUID: this.#nodeUid,
        stubPKCS10Request: Buffer.from(request).toString("base64"),
        ...(maxExpirationSeconds !== undefined && { maxExpirationSeconds }),
        ...(userAnnotations !== undefined && { unverifiedUserAnnotations: userAnnotations }),
      },
    });
    return { name: made.metadata?.name ?? "", key, abandonAt: clock.now() + ABANDON_MS, wasSeen: false };
  }

  /** Says once each that a certificate is not renewed in time, and that it has ended. */
  #tellDelay({ place, issued, told }: Entry): void {
    if (issued === undefined) return;
    const now = this.#deps.clock.now();
    const tell = (reason: string, message: string): void => {
      if (!told.has(reason)) this.#deps.event(place.pod, reason, message);
      told.add(reason);
    };
    if (now > issued.refreshAt + OVERDUE_MS) tell("CertificateOverdueForRefresh", "PodCertificate refresh overdue");
    if (now > issued.notAfter) tell("CertificateExpired", "PodCertificate expired");
  }
}

const ANSWERS = { Issued: "was issued", Denied: "was denied", Failed: "failed" } as const;
