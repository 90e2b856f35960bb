import { isIP } from "node:net";
import {
  ApiError,
  decodeEnvelope,
  decodeProtobuf,
  decodeUnstructured,
  decodeYamlUnstructured,
  isProtobuf,
  type Json,
  type ObjectSchema,
  parseApiVersion,
  schemaOf,
  type Unstructured,
} from "@tsukube/api";
import type { Status } from "@tsukube/api/types/meta-v1";
import type { ApiResponse } from "@tsukube/client";
import { type Clock, formatMicroTime, type Metrics } from "@tsukube/foundation";
import type { IncomingRequest, RequestInfo, User } from "../contracts.ts";
import { AuditMetrics } from "./audit-metrics.ts";
import { type AuditPolicy, type AuditStage, type AuditTerms, termsFor } from "./policy.ts";

/** Takes events (audit.k8s.io/v1), in order. Never throws: a request does not fail because nobody can write it down. */
export interface AuditBackend {
  log(event: object): void;
  /** Has written everything. */
  close(): Promise<void>;
}

/** Writes down who asked for what and how it went, as the policy says. */
export class Auditor {
  readonly #policy: AuditPolicy;
  readonly #backends: readonly AuditBackend[];
  readonly #clock: Clock;
  readonly #metrics: AuditMetrics;

  constructor(policy: AuditPolicy, backends: readonly AuditBackend[], clock: Clock, metrics: Metrics) {
    this.#policy = policy;
    this.#backends = backends;
    this.#clock = clock;
    this.#metrics = new AuditMetrics(metrics);
  }

  /** A record of one request. */
  begin(request: IncomingRequest, info: RequestInfo, auditId: string): AuditRecord {
    return new AuditRecord(
      (user) => {
        const terms = termsFor(this.#policy, user, info);
        this.#metrics.level(terms.level);
        return terms;
      },
      (event) => {
        this.#metrics.event();
        for (const backend of this.#backends) backend.log(event);
      },
      this.#clock,
      request,
      info,
      auditId,
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#backends.map((backend) => backend.close()));
  }
}

const NO_BYTES = new Uint8Array(0);
const NOBODY: User = { name: "", groups: [], extra: {} };

/** What is to be written of one request. */
export class AuditRecord {
  readonly #termsFor: (user: User) => AuditTerms;
  readonly #emit: (event: object) => void;
  readonly #clock: Clock;
  readonly #request: IncomingRequest;
  readonly #info: RequestInfo;
  readonly #auditId: string;
  readonly #received: number;
  readonly #annotations: Record<string, string> = {};
  #terms: AuditTerms | undefined;
  #user: User = NOBODY;
  #impersonated: User | undefined;
  #constraint: string | undefined;
  #whole: (() => Json | undefined) | undefined;
  #metadata: Unstructured["metadata"];

  constructor(
    terms: (user: User) => AuditTerms,
    emit: (event: object) => void,
    clock: Clock,
    request: IncomingRequest,
    info: RequestInfo,
    auditId: string,
  ) {
    this.#termsFor = terms;
    this.#emit = emit;
    this.#clock = clock;
    this.#request = request;
    this.#info = info;
    this.#auditId = auditId;
    this.#received = clock.now();
  }

  /** Who asks is known: the first stage. */
  authenticated(user: User): void {
    this.#user = user;
    this.#terms = this.#termsFor(user);
    this.#write("RequestReceived");
  }

  /** @param constraint The verb that allows it for some requests only. */
  impersonates(user: User, constraint: string | undefined): void {
    this.#impersonated = user;
    this.#constraint = constraint;
  }

  /** What its body holds, made where it is to be shown; the body as it is without it. @param metadata Of the object that it holds. */
  asks(whole?: () => Json, metadata?: Unstructured["metadata"]): void {
    this.#whole = whole ?? (() => objectOf(this.#request.body ?? NO_BYTES));
    this.#metadata = metadata;
  }

  /** A key keeps its first value. */
  annotate(key: string, value: string, level: "Metadata" | "Request" = "Metadata"): void {
    if (level === "Request" && this.#terms?.level === "Metadata") return;
    if (!Object.hasOwn(this.#annotations, key)) this.#annotations[key] = value;
  }

  /** The answer: of what may take long its begin and its end are two stages. @returns the answer to give. */
  answered(response: ApiResponse, error: unknown): ApiResponse {
    if (this.#terms === undefined) {
      // who could not be authenticated is written down as nobody, and once
      this.#terms = this.#termsFor(NOBODY);
      this.#write("ResponseStarted", response);
      return response;
    }
    if (error !== undefined && !(error instanceof ApiError)) {
      this.#write("Panic", response);
      return response;
    }
    if (isLongRunning(this.#info)) this.#write("ResponseStarted", response);
    if (response.body instanceof Uint8Array) {
      this.#write("ResponseComplete", response);
      return response;
    }
    return { ...response, body: this.#followed(response.body, response) };
  }

  /** The connection leaves HTTP. @param ended Resolves when it is closed. */
  upgraded(ended: Promise<void>): void {
    const response = { status: 101, headers: {}, body: new Uint8Array(0) };
    this.#write("ResponseStarted", response);
    void ended.then(() => this.#write("ResponseComplete", response));
  }

  async *#followed(body: AsyncIterable<Uint8Array>, response: ApiResponse): AsyncGenerator<Uint8Array, void> {
    try {
      yield* body;
    } finally {
      this.#write("ResponseComplete", response);
    }
  }

  #write(stage: AuditStage, response?: ApiResponse): void {
    const terms = this.#terms;
    if (terms === undefined || terms.level === "None" || terms.omitStages.has(stage)) return;
    const { path, headers } = this.#request;
    const sources = sourcesOf(this.#request);
    const objects = stage === "RequestReceived" ? {} : this.#objects(terms, response);
    this.#emit({
      kind: "Event",
      apiVersion: "audit.k8s.io/v1",
      level: terms.level,
      auditID: this.#auditId,
      stage,
      requestURI: path,
      verb: this.#info.verb,
      user: shownUser(this.#user),
      ...(this.#impersonated !== undefined && { impersonatedUser: shownUser(this.#impersonated) }),
      ...(this.#constraint !== undefined && {
        authenticationMetadata: { impersonationConstraint: this.#constraint },
      }),
      ...(sources.length > 0 && { sourceIPs: sources }),
      ...(headers["user-agent"] !== undefined && { userAgent: headers["user-agent"] }),
      ...(this.#info.isResource && { objectRef: this.#reference(stage) }),
      ...(response !== undefined && { responseStatus: statusOf(response) }),
      ...objects,
      requestReceivedTimestamp: formatMicroTime(this.#received),
      stageTimestamp: formatMicroTime(this.#clock.now()),
      ...(Object.keys(this.#annotations).length > 0 && { annotations: { ...this.#annotations } }),
    });
  }

  /** What the request is about; what is written says more of that, once it has been read. */
  #reference(stage: AuditStage): object {
    const { resource, namespace, name, group, version, subresource } = this.#info;
    const said = {
      ...(stage !== "RequestReceived" && this.#metadata),
      ...(namespace !== "" && { namespace }),
      ...(name !== "" && { name }),
    };
    const identity = (["namespace", "name", "uid", "resourceVersion"] as const).filter((member) => said[member]);
    return {
      resource,
      ...Object.fromEntries(identity.map((member) => [member, said[member]])),
      ...(group !== "" && { apiGroup: group }),
      apiVersion: version,
      ...(subresource !== "" && { subresource }),
    };
  }

  #objects({ level, omitManagedFields }: AuditTerms, response: ApiResponse | undefined): object {
    if (level === "Metadata" || !this.#info.isResource) return {};
    const shown = (object: Json): Json => (omitManagedFields ? withoutManagedFields(object) : object);
    const asked = this.#whole?.();
    const body = response?.body;
    const told = level === "RequestResponse" && body instanceof Uint8Array ? objectOf(body) : undefined;
    return {
      ...(asked !== undefined && { requestObject: shown(asked) }),
      ...(told !== undefined && { responseObject: shown(told) }),
    };
  }
}

const LONG = new Set(["attach", "exec", "log", "portforward", "proxy"]);

/** Upstream's check of requests that stay open: there is more to their answer than its head. */
function isLongRunning({ isResource, verb, subresource }: RequestInfo): boolean {
  return isResource && (verb === "watch" || LONG.has(subresource));
}

function shownUser({ name, uid, groups, extra }: User): object {
  return {
    ...(name !== "" && { username: name }),
    ...(uid !== undefined && { uid }),
    ...(groups.length > 0 && { groups }),
    ...(Object.keys(extra).length > 0 && { extra }),
  };
}

/** The addresses that others say the request came from before, and the one that it comes from. */
function sourcesOf({ headers, remoteAddress }: IncomingRequest): readonly string[] {
  const valid = (addresses: readonly string[]): readonly string[] =>
    addresses.map((address) => address.trim()).filter((address) => isIP(address) !== 0);
  const told = valid((headers["x-forwarded-for"] ?? "").split(","));
  const real = valid([headers["x-real-ip"] ?? ""]).filter((address) => !told.includes(address));
  const before = [...told, ...real];
  return [...before, ...valid([remoteAddress]).filter((address) => address !== before.at(-1))];
}

/** The code, and what a Status says. */
function statusOf({ status, body }: ApiResponse): object {
  const told =
    body instanceof Uint8Array && (status >= 400 || body.length <= MOST_OF_STATUS) ? objectOf(body) : undefined;
  const { kind, status: outcome, message, reason, details } = (told ?? {}) as Status & { readonly kind?: string };
  return {
    metadata: {},
    ...(kind === "Status" && {
      ...(outcome !== undefined && { status: outcome }),
      ...(message !== undefined && { message }),
      ...(reason !== undefined && { reason }),
      ...(details !== undefined && { details }),
    }),
    code: status,
  };
}

/** Bytes of the Status of something that went well. */
const MOST_OF_STATUS = 2048;

/** A body as JSON can show it; undefined where it is none of ours. */
function objectOf(bytes: Uint8Array): Json | undefined {
  if (bytes.length === 0) return undefined;
  try {
    const object = isProtobuf(bytes) ? fromProtobuf(bytes) : fromText(bytes);
    return typeof object === "object" && object !== null ? object : undefined;
  } catch {
    return undefined;
  }
}

function fromProtobuf(bytes: Uint8Array): Json {
  const envelope = decodeEnvelope(bytes);
  const { apiVersion, kind } = envelope;
  const schema = schemaOf({ ...parseApiVersion(apiVersion), kind });
  const object = schema === undefined ? {} : decodeProtobuf<object>(envelope, schema as ObjectSchema);
  return { ...object, apiVersion, kind } as unknown as Json;
}

function fromText(bytes: Uint8Array): Json {
  const isJson = bytes[0] === 0x7b || bytes[0] === 0x5b;
  return (isJson ? decodeUnstructured<Json>(bytes) : decodeYamlUnstructured<Json>(bytes)).object;
}

interface Managed {
  readonly metadata?: { readonly managedFields?: unknown };
  readonly items?: readonly Managed[];
}

function withoutManagedFields(object: Json): Json {
  const { metadata, items, ...rest } = object as unknown as Managed;
  if (metadata === undefined && items === undefined) return object;
  const { managedFields: _managed, ...kept } = metadata ?? {};
  return {
    ...rest,
    ...(metadata !== undefined && { metadata: kept }),
    ...(items !== undefined && { items: items.map((item) => withoutManagedFields(item as unknown as Json)) }),
  } as unknown as Json;
}
