import {
  ApiError,
  encodeJson,
  everyField,
  type FieldMatcher,
  goQuote,
  type ObjectSchema,
  parseFieldSelector,
  schemaOfType,
} from "@tsukube/api";
import type { ApiResponse } from "@tsukube/client";
import { type Clock, type Logger, type Metrics, messageOf, type Random } from "@tsukube/foundation";
import { verified } from "@tsukube/host";
import type { Auditor, AuditRecord } from "../audit/auditor.ts";
import { AuthenticationMetrics } from "../authentication/authentication-metrics.ts";
import { Impersonation } from "../authentication/impersonation.ts";
import { ANONYMOUS, bearerProblem } from "../authentication/tokens.ts";
import { AuthorizationMetrics } from "../authorization/authorization-metrics.ts";
import { forbidden, Refusal } from "../authorization/forbidden.ts";
import type {
  Authenticator,
  AuthorizationAttributes,
  Authorizer,
  IncomingRequest,
  RequestContext,
  RequestInfo,
  User,
} from "../contracts.ts";
import { respondTyped } from "../endpoints/represent.ts";
import type { FlowControl } from "../flow-control/flow-control.ts";
import type { Seating } from "../flow-control/seating.ts";
import { Pieces } from "../sending/pieces.ts";
import { type Allotted, Deadlines, deadlineOf, MOST_MS } from "./deadline.ts";
import { FilterMetrics } from "./filter-metrics.ts";
import { negotiate } from "./negotiation.ts";
import { NotedContext, type Notes } from "./noted-context.ts";
import { isWatchedByPath, lacksResource, nameOf, parseRequestInfo } from "./request-info.ts";
import { RequestMetrics } from "./request-metrics.ts";
import { Turns } from "./turns.ts";
import { warningHeaders } from "./warning-headers.ts";

export interface ChainDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly authenticators: readonly Authenticator[];
  readonly authorizer: Authorizer;
  /** Whether requests without credentials for this path are system:anonymous's. */
  readonly admitsAnonymous: (path: string) => boolean;
  /** Whether who acts as somebody else may be held to what it does as that (KEP-5284). */
  readonly constrainsImpersonation: boolean;
  readonly flows: FlowControl;
  readonly auditor?: Auditor;
  /** Whether the resource and subresource of a request are ones that are served. */
  readonly serves: (info: RequestInfo) => boolean;
  /** Whether another server answers a request. */
  readonly isElsewhere: (info: RequestInfo) => boolean;
  /** What comes after the chain. @throws {ApiError} */
  dispatch(context: RequestContext): Promise<ApiResponse>;
}

/** Bytes of a request's body. */
export const BODY_LIMIT = 3 * 1024 * 1024;

/** Requests that stay open by themselves take no seats. */
const OPEN_ENDED = new Set(["proxy", "exec", "attach", "portforward", "log"]);

/** The part of its time that a request waits for seats. */
const PATIENCE = 1 / 4;

/** A request whose answer is not known yet. */
interface Begun {
  readonly info: RequestInfo;
  readonly notes: Notes;
  readonly answered: ReturnType<RequestMetrics["begin"]>;
}

/** Upstream answers such paths before it knows who asks, and in plain text. */
function unclear(request: IncomingRequest, random: Random): ApiResponse {
  const why = `failed to create RequestInfo: unable to determine kind and namespace from url, ${request.path}`;
  const { status, headers, body } = plainError(request.path, why);
  return { status, headers: { "audit-id": auditIdOf(request, random), ...headers }, body };
}

/** Nobody knows whether it may be. */
class Undecided extends Error {}

function plainError(path: string, why: string): ApiResponse {
  const text = `Internal Server Error: ${goQuote(path)}: ${why}\n`;
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const headers = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };
  return { status: 500, headers, body: Buffer.from(escaped) };
}

function auditIdOf({ headers }: IncomingRequest, random: Random): string {
  return headers["audit-id"] || random.uuid();
}

const UPGRADED: ApiResponse = { status: 101, headers: {}, body: new Uint8Array(0) };

/** The way of every request, from the wire or in process: who is it, may they, then the endpoint; errors become Status. */
export class Chain {
  readonly #deps: ChainDeps;
  readonly #requests: RequestMetrics;
  readonly #filters: FilterMetrics;
  readonly #authentication: AuthenticationMetrics;
  readonly #authorization: AuthorizationMetrics;
  readonly #impersonation: Impersonation;
  readonly #turns: Turns;
  readonly #deadlines: Deadlines;

  constructor(deps: ChainDeps) {
    this.#deps = deps;
    this.#requests = new RequestMetrics(deps.metrics, deps.clock, deps.serves);
    this.#filters = new FilterMetrics(deps.metrics, deps.clock);
    this.#authentication = new AuthenticationMetrics(deps.metrics);
    this.#authorization = new AuthorizationMetrics(deps.metrics);
    this.#impersonation = new Impersonation(deps.authorizer, deps.constrainsImpersonation);
    this.#turns = new Turns(deps.clock);
    this.#deadlines = new Deadlines(deps.clock, deps.isElsewhere);
  }

  async handle(request: IncomingRequest): Promise<ApiResponse> {
    const info = parseRequestInfo(request.method, request.path);
    if (lacksResource(info)) return unclear(request, this.#deps.random);
    const begun = this.#begin(request, info);
    const { notes } = begun;
    try {
      return this.#end(begun, await this.#deps.clock.track(this.#run(request, info, notes)), undefined);
    } catch (error) {
      return this.#end(begun, this.#failure(request, info, error), error);
    }
  }

  /**
   * The way of a request that leaves HTTP: like any other it is known who asks, written down and allowed; then it is handed over.
   * @param ended Resolves when the connection is closed.
   * @param takeOver Undefined: it has the connection; else what to answer in its place. @throws {ApiError} before anything was sent.
   * @returns what to answer; undefined when the connection was taken over.
   */
  async upgrade(
    request: IncomingRequest,
    ended: Promise<void>,
    takeOver: (context: RequestContext) => Promise<ApiResponse | undefined>,
  ): Promise<ApiResponse | undefined> {
    const info = parseRequestInfo(request.method, request.path);
    const begun = this.#begin(request, info);
    const { notes, answered } = begun;
    const { audit } = notes;
    const admitted = async (): Promise<ApiResponse | undefined> => {
      const user = await this.#identify(request, info, notes);
      await this.#authorize(attributesOf(user, info), info, audit);
      return takeOver(new NotedContext(request, info, user, notes, {}));
    };
    try {
      const refusal = await this.#deps.clock.track(admitted());
      if (refusal !== undefined) return this.#end(begun, refusal, undefined);
    } catch (error) {
      return this.#end(begun, this.#failure(request, info, error), error);
    }
    audit?.upgraded(ended);
    void ended.then(() => answered(UPGRADED, 0));
    return undefined;
  }

  /** exec, attach and port-forward change the pod, whatever the HTTP method says. @throws {ApiError} 403. */
  async mustCreate({ user, info }: RequestContext): Promise<void> {
    const created = { ...info, verb: "create" };
    await this.#authorize(attributesOf(user, created), created, undefined);
  }

  #begin(request: IncomingRequest, info: RequestInfo): Begun {
    const auditId = auditIdOf(request, this.#deps.random);
    const began = this.#deps.clock.monotonic();
    const audit = this.#deps.auditor?.begin(request, info, auditId);
    this.#filters.passed("audit", began);
    const notes: Notes = { auditId, warnings: new Set(), leftOut: 0, audit };
    return { info, notes, answered: this.#requests.begin(request, info) };
  }

  #end({ notes, answered }: Begun, given: ApiResponse, failure: unknown): ApiResponse {
    const { auditId, warnings, flow, audit } = notes;
    const response = audit?.answered(whole(given), failure) ?? given;
    answered(response, notes.leftOut);
    const headers: Record<string, string | readonly string[]> = {
      "audit-id": auditId,
      "cache-control": "no-cache, private",
      ...(flow !== undefined && {
        "x-kubernetes-pf-flowschema-uid": flow.schemaUid,
        "x-kubernetes-pf-prioritylevel-uid": flow.level.uid,
      }),
      ...response.headers,
    };
    if (warnings.size > 0) headers["warning"] = warningHeaders(warnings);
    return { ...response, headers };
  }

  #run(request: IncomingRequest, info: RequestInfo, notes: Notes): Promise<ApiResponse> {
    const isLong = info.verb === "watch" || OPEN_ENDED.has(info.subresource);
    if (isLong) return this.#work(request, info, notes, MOST_MS, undefined);
    const asked = deadlineOf(info);
    const work = (time: Allotted) => this.#work(request, info, notes, asked ?? MOST_MS, time);
    return this.#deadlines.hold(info, asked, work);
  }

  async #work(
    request: IncomingRequest,
    info: RequestInfo,
    notes: Notes,
    ms: number,
    time: Allotted | undefined,
  ): Promise<ApiResponse> {
    const isPassedOn = (): boolean => info.subresource === "proxy" || this.#deps.isElsewhere(info);
    if ((request.body?.length ?? 0) > BODY_LIMIT && !isPassedOn())
      throw ApiError.requestEntityTooLarge(`limit is ${BODY_LIMIT}`);
    const user = await this.#identify(request, info, notes);
    const attributes = attributesOf(user, info);
    let seating: Seating | undefined;
    if (!OPEN_ENDED.has(info.subresource)) {
      const { flows } = this.#deps;
      const began = this.#deps.clock.monotonic();
      const flow = flows.flowOf(attributes);
      notes.flow = flow;
      const found = flows.seat(flow, { user, info }, ms * PATIENCE, request);
      seating = found instanceof Promise ? await this.#leftOut(notes, found) : found;
      this.#filters.passed("priorityandfairness", began);
      if (seating === undefined) return tooManyRequests(flows.refused(flow));
    }
    try {
      const turn = this.#turns.wait(); // after the seat: one flow does not fill the line for all
      if (turn !== undefined) await turn;
      await this.#authorize(attributes, info, notes.audit);
      // only now: of who may not ask, nothing is kept
      if (request.arrive !== undefined && info.isResource && !isPassedOn()) await request.arrive();
      time?.mustLast();
      return await this.#deps.dispatch(new NotedContext(request, info, user, notes, { seating, time }));
    } finally {
      seating?.answered();
    }
  }

  async #leftOut<T>(notes: Notes, work: Promise<T>): Promise<T> {
    const { clock } = this.#deps;
    const began = clock.monotonic();
    const result = await work;
    notes.leftOut += clock.monotonic() - began;
    return result;
  }

  async #identify(request: IncomingRequest, info: RequestInfo, { audit, warnings }: Notes): Promise<User> {
    const began = this.#deps.clock.monotonic();
    let user: User;
    try {
      user = await this.#authenticated(request, info.path);
    } finally {
      this.#filters.passed("authentication", began);
    }
    if (user === ANONYMOUS) {
      const problem = bearerProblem(request.headers);
      if (problem !== undefined) warnings.add(problem);
    }
    audit?.authenticated(user);
    const asked = attributesOf(user, info);
    const asks = this.#deps.clock.monotonic();
    const acting = await this.#impersonation.of(request, asked);
    this.#filters.passed(this.#deps.constrainsImpersonation ? "constrainedimpersonation" : "impersonation", asks);
    if (acting.user !== user) audit?.impersonates(acting.user, acting.constraint);
    return acting.user;
  }

  /** @throws {ApiError} 401. */
  async #authenticated(request: IncomingRequest, path: string): Promise<User> {
    const { authenticators, admitsAnonymous, clock } = this.#deps;
    const began = clock.monotonic();
    const took = (): number => (clock.monotonic() - began) / 1000;
    const failures: unknown[] = [];
    for (const authenticator of authenticators) {
      let user: User | undefined;
      try {
        const found = authenticator.authenticate(request);
        user = found instanceof Promise ? await found : found;
      } catch (error) {
        failures.push(error); // other credentials may be right
      }
      if (user === undefined) continue;
      this.#authentication.succeeded(user, took());
      const certificate = verified(request.peer);
      if (certificate !== undefined)
        this.#authentication.certificateLasts((certificate.expiresAt - clock.now()) / 1000);
      return user;
    }
    if (failures.length === 0 && admitsAnonymous(path)) {
      this.#authentication.succeeded(ANONYMOUS, took());
      return ANONYMOUS;
    }
    const failure = failures.find((one) => one instanceof ApiError) ?? ApiError.unauthorized();
    this.#authentication.failed(failures.length === 0 ? "failure" : "error", took());
    throw failure;
  }

  async #authorize(
    attributes: AuthorizationAttributes,
    info: RequestInfo,
    audit: AuditRecord | undefined,
  ): Promise<void> {
    const { authorizer, clock } = this.#deps;
    const began = clock.monotonic();
    const { decision, reason, problem } = await authorizer.authorize(attributes);
    this.#authorization.decided(decision, (this.#filters.passed("authorization", began) - began) / 1000);
    if (problem !== undefined && decision !== "allow") {
      audit?.annotate("authorization.k8s.io/reason", "internal error");
      throw new Undecided(problem);
    }
    audit?.annotate("authorization.k8s.io/decision", decision === "allow" ? "allow" : "forbid");
    audit?.annotate("authorization.k8s.io/reason", reason);
    if (decision !== "allow") throw forbidden({ ...attributes, name: info.name }, reason);
  }

  #failure(request: IncomingRequest, info: RequestInfo, error: unknown): ApiResponse {
    if (error instanceof Undecided) return plainError(request.path, error.message);
    const known = error instanceof ApiError ? error : this.#unexpected(request, error);
    const headers: Record<string, string> = {};
    const retry = known.status.details?.retryAfterSeconds;
    if (retry) headers["retry-after"] = String(retry);
    if (error instanceof Refusal) headers["x-content-type-options"] = "nosniff";
    try {
      const accepted = negotiate(request.headers, info.query, { forms: false });
      const response = respondTyped(known.httpCode, known.status, "meta/v1.Status", accepted);
      return { ...response, headers: { ...response.headers, ...headers } };
    } catch {
      const body = encodeJson(known.status, schemaOfType("meta/v1.Status") as ObjectSchema, { pretty: true });
      return { status: known.httpCode, headers: { "content-type": "application/json", ...headers }, body };
    }
  }

  #unexpected(request: IncomingRequest, error: unknown): ApiError {
    const code = (error as { code?: unknown } | null)?.code;
    if (code === "read-only" || code === "unavailable") return ApiError.serviceUnavailable(messageOf(error));
    if (code === "unknown") return ApiError.timeout(messageOf(error));
    this.#deps.logger.error("cannot answer a request", {
      method: request.method,
      path: request.path,
      error: messageOf(error),
      stack: error instanceof Error ? error.stack : undefined,
    });
    return ApiError.internal(error);
  }
}

/** In upstream's words, which are no Status. */
function tooManyRequests(afterSeconds: number): ApiResponse {
  return {
    status: 429,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "x-content-type-options": "nosniff",
      "retry-after": String(afterSeconds),
    },
    body: Buffer.from("Too many requests, please try again later.\n"),
  };
}

/** For who looks into answers. */
function whole(response: ApiResponse): ApiResponse {
  return response.body instanceof Pieces ? { ...response, body: response.body.joined() } : response;
}

function attributesOf(user: User, info: RequestInfo): AuthorizationAttributes {
  const { isResource, verb, group, version, resource, subresource, namespace, path } = info;
  const name = nameOf(info);
  const attributes = { user, verb, isResource, group, version, resource, subresource, namespace, name, path };
  const selects = SELECTING.has(verb) && !isWatchedByPath(info); // of those some ignore selectors
  return selects ? { ...attributes, fieldSelector: fieldSelectorOf(info).requirements } : attributes;
}

const SELECTING = new Set(["list", "watch", "deletecollection"]);

/** A selector that cannot be parsed confines nothing here; the endpoint then refuses it. */
function fieldSelectorOf(info: RequestInfo): FieldMatcher {
  try {
    return parseFieldSelector(info.query.get("fieldSelector") ?? "");
  } catch {
    return everyField;
  }
}
