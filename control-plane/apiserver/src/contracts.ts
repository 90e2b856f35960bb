/** The interfaces between the rooms of the API server. Implementations register in `server.ts`. */
import type { FieldRequirement, GroupVersionKind, GroupVersionResource, Json, Unstructured } from "@tsukube/api";
import type { ApiRequest } from "@tsukube/client";
import type { Peer, RepeatedHeaders } from "@tsukube/host";
import type { Reinvocation } from "./admission/reinvocation.ts";
import type { Allotted } from "./chain/deadline.ts";
import type { Seating } from "./flow-control/seating.ts";

/** Who asks, as authentication/v1.UserInfo. */
export interface User {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** A request as it comes from the wire or in process. */
export interface IncomingRequest extends ApiRequest {
  /** Waits for a body that is still to come, which `body` is then. Absent where it is there. @throws {ApiError} 413, 504. */
  arrive?(): Promise<void>;
  /** In place of `body`, for another server: whole where it has come whole, else piece by piece, however long it is. Absent in process. */
  passOn?(): Promise<Uint8Array | AsyncIterable<Uint8Array>>;
  /** Asserted by an in-process transport; never set from the wire. */
  readonly user?: User;
  /** Absent in process. */
  readonly peer?: Peer;
  /** Absent in process. */
  readonly repeated?: RepeatedHeaders;
  /** "127.0.0.1" or "" in process. */
  readonly remoteAddress: string;
}

/** What a request asks for, parsed from method and path (apiserver's RequestInfo). */
export interface RequestInfo {
  readonly isResource: boolean;
  /** Without query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** get, list, watch, create, update, patch, delete, deletecollection, proxy, connect; "" for other methods; lower-case method for non-resources. */
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** Segments after the subresource (proxy paths). */
  readonly rest: string;
}

/** Carried through the chain with the request. */
export interface RequestContext {
  readonly request: IncomingRequest;
  readonly info: RequestInfo;
  readonly user: User;
  /** By which audit events of this and other servers are found. */
  readonly auditId?: string;
  readonly signal: AbortSignal;
  /** What it holds of its priority level; undefined: nothing, as of what stays open by itself. */
  readonly seating?: Pick<Seating, "keep" | "end"> | undefined;
  /** What it may take; undefined: it stays open by itself. */
  readonly time?: Pick<Allotted, "mustLast" | "until"> | undefined;
  /** Adds a `Warning: 299` header to the response; duplicates are dropped. */
  warn(text: string): void;
  /** So many ms of its time were somebody else's: latency as an indicator (SLI) leaves them out. */
  leaveOut?(ms: number): void;
  /** Whether there are warnings. */
  readonly hasWarned: boolean;
  /**
   * Adds an annotation to the request's audit events; a key keeps its first value. Absent where nothing is audited.
   * @param level Of events that have it, and of those that say more; "Metadata" by default.
   */
  annotate?(key: string, value: string, level?: "Metadata" | "Request"): void;
  /**
   * Tells the request's audit events that its body is one that was asked for. Absent where nothing is audited.
   * @param whole What is shown of it, where somebody wants that; the body as it is without it. @param metadata Of the object that it holds.
   */
  noteBody?(whole?: () => Json, metadata?: Unstructured["metadata"]): void;
}

export interface Authenticator {
  /** undefined: no credentials of this kind. @throws {ApiError} 401 for credentials that are wrong. */
  authenticate(request: IncomingRequest): User | undefined | Promise<User | undefined>;
}

export interface AuthorizationAttributes {
  readonly user: User;
  readonly verb: string;
  readonly isResource: boolean;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly path: string;
  /** What a list, watch or deletecollection confines itself to. */
  readonly fieldSelector?: readonly FieldRequirement[];
}

export interface AuthorizationDecision {
  readonly decision: "allow" | "deny" | "no-opinion";
  readonly reason: string;
  /** What kept somebody who was asked from knowing. */
  readonly problem?: string;
}

export interface Authorizer {
  authorize(attributes: AuthorizationAttributes): Promise<AuthorizationDecision>;
}

/** One that knows at once: expressions do not wait. */
export interface ImmediateAuthorizer extends Authorizer {
  /** Where other servers are asked: within `settled` alone. */
  decide(attributes: AuthorizationAttributes): AuthorizationDecision;
}

export interface AdmissionAttributes {
  readonly context: RequestContext;
  readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
  readonly resource: GroupVersionResource;
  /** Of `object`, which for subresources is not the resource's own: Eviction, Binding, PodExecOptions. */
  readonly kind: GroupVersionKind;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly object: Unstructured | undefined;
  readonly oldObject: Unstructured | undefined;
  /** CreateOptions, UpdateOptions or DeleteOptions. */
  readonly options: Unstructured | undefined;
  readonly dryRun: boolean;
  readonly reinvocation: Reinvocation;
}

/** A request as it comes to admission; what admission itself keeps is added there. */
export type AdmissionRequest = Omit<AdmissionAttributes, "reinvocation">;

/** A built-in admission plugin, under upstream's name. */
export interface AdmissionPlugin {
  readonly name: string;
  handles(attributes: AdmissionAttributes): boolean;
  /** Returns the object changed (a new one), or the same. @throws {ApiError} to deny. */
  mutate?(attributes: AdmissionAttributes): Promise<Unstructured | undefined>;
  /** @throws {ApiError} to deny. */
  validate?(attributes: AdmissionAttributes): Promise<void>;
}
