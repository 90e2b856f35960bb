import type { AuditRecord } from "../audit/auditor.ts";
import type { IncomingRequest, RequestContext, RequestInfo, User } from "../contracts.ts";
import type { Flow } from "../flow-control/flow.ts";

/** What the way of a request leaves for the head of its answer. */
export interface Notes {
  readonly auditId: string;
  readonly warnings: Set<string>;
  /** Of its time, in ms: it waited for seats or for webhooks. */
  leftOut: number;
  flow?: Flow | undefined;
  readonly audit: AuditRecord | undefined;
}

const NEVER = new AbortController().signal;

/** A request whose {@link Notes} those add to who handle it. A class, because getters of a literal are defined anew for each. */
export class NotedContext implements RequestContext {
  readonly request: IncomingRequest;
  readonly info: RequestInfo;
  readonly user: User;
  readonly auditId: string;
  readonly seating: RequestContext["seating"];
  readonly time: RequestContext["time"];
  readonly annotate?: NonNullable<RequestContext["annotate"]>;
  readonly noteBody?: NonNullable<RequestContext["noteBody"]>;
  readonly #notes: Notes;

  constructor(
    request: IncomingRequest,
    info: RequestInfo,
    user: User,
    notes: Notes,
    held: Pick<RequestContext, "seating" | "time">,
  ) {
    const { audit } = notes;
    this.request = request;
    this.info = info;
    this.user = user;
    this.auditId = notes.auditId;
    this.seating = held.seating;
    this.time = held.time;
    if (audit !== undefined) {
      this.annotate = audit.annotate.bind(audit);
      this.noteBody = audit.asks.bind(audit);
    }
    this.#notes = notes;
  }

  readonly warn = (text: string): unknown => this.#notes.warnings.add(text);

  readonly leaveOut = (ms: number): void => {
    this.#notes.leftOut += ms;
  };

  get hasWarned(): boolean {
    return this.#notes.warnings.size > 0;
  }

  get signal(): AbortSignal {
    return this.request.signal ?? NEVER; // most requests are answered before anybody asks
  }
}
