import type { Clock } from "@tsukube/foundation";
import {
  type CallOptions,
  dialGrpc,
  type GrpcClient,
  type GrpcTls,
  grpc,
  grpcWords,
  serviceDefinition,
} from "@tsukube/host/grpc";
import descriptor from "../facts/etcd.json" with { type: "json" };
import type { Auth, KV, Lease, Maintenance, ResponseHeader, Watch } from "../generated/etcd.ts";
import { StoreError } from "./store.ts";

export interface EtcdConnectionOptions {
  /** Such as "https://10.0.0.1:2379", of one cluster. Each is tried in turn; one that fails is left for the next. */
  readonly endpoints: readonly string[];
  /** For https endpoints: PEM of the CA, and of a client certificate. */
  readonly tls?: GrpcTls;
  readonly user?: { readonly name: string; readonly password: string };
  readonly clock: Clock;
  /** How long a call is tried again; 15 s by default. */
  readonly giveUpMs?: number;
  /** When whoever uses it begins to end: what is asked then, or under way, has two seconds more. */
  readonly leaving?: AbortSignal;
  /** The etcd cluster that must answer, by its ID as {@link idOf} shows it; the one that answers first by default. */
  readonly clusterId?: string;
  /** Told when that is another, or was put back to what it was: what is known of it is no longer so. */
  readonly onReplaced?: (error: StoreError) => void;
}

/** What every answer of etcd says of who gave it. */
interface Answer {
  readonly header?: ResponseHeader;
}

/** Of an etcd cluster, in the hexadecimal digits of etcd's own logs. */
export function idOf(header: ResponseHeader | undefined): string {
  return BigInt(header?.clusterId ?? 0).toString(16);
}

/** One etcd server, by service. */
export interface EtcdMember {
  readonly endpoint: string;
  readonly kv: GrpcClient<KV>;
  readonly watch: GrpcClient<Watch>;
  readonly lease: GrpcClient<Lease>;
  readonly auth: GrpcClient<Auth>;
  readonly maintenance: GrpcClient<Maintenance>;
}

/** What is known of a call that failed: it was refused, it certainly did nothing, or nobody knows. */
export type Outcome = "refused" | "not-done" | "unknown";

const SERVICES = {
  kv: serviceDefinition(descriptor, "etcdserverpb.KV"),
  watch: serviceDefinition(descriptor, "etcdserverpb.Watch"),
  lease: serviceDefinition(descriptor, "etcdserverpb.Lease"),
  auth: serviceDefinition(descriptor, "etcdserverpb.Auth"),
  maintenance: serviceDefinition(descriptor, "etcdserverpb.Maintenance"),
} as const;

/** etcd takes a ping every 5 s at most. */
const KEEPALIVE_MS = 6000;
/** A server that says nothing for so long is left for the next. Elections take a second or two. */
const READ_TRY_MS = 3000;
/** etcd itself gives a write up after 7 s. */
const WRITE_TRY_MS = 8000;
const GIVE_UP_MS = 15_000;
const LEAVE_MS = 2000;
const PAUSE_MS = 100;

/** Servers of one etcd cluster: picks one that answers, logs in, tries again what may be tried again. */
export class EtcdConnection {
  readonly members: readonly EtcdMember[];
  readonly #options: EtcdConnectionOptions;
  #current = 0;
  #token: Promise<string> | undefined;
  #clusterId: string | undefined;
  #closed = false;
  #isLeft = false;
  /** Ends the waiting for answers. */
  readonly #underWay = new Set<(error: Error) => void>();

  constructor(options: EtcdConnectionOptions) {
    this.#options = options;
    this.#clusterId = options.clusterId;
    this.members = options.endpoints.map((endpoint) => memberAt(endpoint, options.tls));
    const leave = (): void => void options.clock.after(LEAVE_MS, () => this.#leaveAll(), { background: true });
    if (options.leaving?.aborted === true) leave();
    else options.leaving?.addEventListener("abort", leave, { once: true });
  }

  /** The server that calls go to now. */
  get member(): EtcdMember {
    return this.members[this.#current]!;
  }

  /** Leaves a server that does not answer, unless somebody did already. */
  leave(member: EtcdMember): void {
    if (this.member === member) this.#current = (this.#current + 1) % this.members.length;
  }

  /** Options of a call: who calls, and that a server cut off from its leader shall say so instead of waiting. */
  async callOptions(member: EtcdMember, deadline?: number): Promise<CallOptions> {
    const token = await this.#login(member);
    return {
      metadata: { hasleader: "true", ...(token !== "" && { token }) },
      ...(deadline !== undefined && { deadline }),
    };
  }

  /** A call that may be sent any number of times. @throws {StoreError} `unavailable`, or what `refusal` makes of etcd's error. */
  read<T extends Answer>(work: (member: EtcdMember, options: CallOptions) => Promise<T>): Promise<T> {
    return this.#call(work, READ_TRY_MS, (outcome) => outcome !== "refused");
  }

  /** A call that must not be done twice. @throws {StoreError} `unavailable`: not done, `unknown`: done or not. */
  write<T extends Answer>(work: (member: EtcdMember, options: CallOptions) => Promise<T>): Promise<T> {
    return this.#call(work, WRITE_TRY_MS, (outcome) => outcome === "not-done");
  }

  /** @throws {StoreError} `unusable`: the answer is of another etcd cluster. */
  mustBeSame(header: ResponseHeader | undefined): void {
    const id = idOf(header);
    this.#clusterId ??= id;
    if (id !== this.#clusterId) throw this.replaced(`it is cluster ${id}, expected cluster ${this.#clusterId}`);
  }

  /** The error for an etcd that is not the one that it was. */
  replaced(state: string): StoreError {
    const error = new StoreError("unusable", `Cannot use etcd at ${this.#options.endpoints.join(", ")}: ${state}`);
    this.#options.onReplaced?.(error);
    return error;
  }

  close(): void {
    this.#closed = true;
    for (const { kv, watch, lease, auth, maintenance } of this.members)
      for (const client of [kv, watch, lease, auth, maintenance]) client.close();
  }

  async #call<T extends Answer>(
    work: (member: EtcdMember, options: CallOptions) => Promise<T>,
    tryMs: number,
    mayRepeat: (outcome: Outcome) => boolean,
  ): Promise<T> {
    const { clock, giveUpMs = GIVE_UP_MS } = this.#options;
    const began = clock.monotonic();
    for (;;) {
      const { member } = this;
      if (this.#isLeft) throw unreachable(member, "not-done", left());
      try {
        const answer = await this.#answered(
          this.callOptions(member, clock.now() + tryMs).then((options) => work(member, options)),
        );
        this.mustBeSame(answer.header);
        return answer;
      } catch (error) {
        if (error instanceof StoreError) throw error;
        if (this.#closed) throw new StoreError("closed", "Cannot reach etcd: the store is closed", { cause: error });
        if (isStaleToken(error)) this.#token = undefined;
        const outcome = outcomeOf(error);
        if (outcome !== "refused") this.leave(member);
        if (outcome === "refused") throw error;
        if (!mayRepeat(outcome) || this.#isLeft || clock.monotonic() - began > giveUpMs)
          throw unreachable(member, outcome, error);
        await clock.sleep(PAUSE_MS);
      }
    }
  }

  async #answered<T>(work: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    this.#underWay.add(reject);
    try {
      return await Promise.race([work, promise]);
    } finally {
      this.#underWay.delete(reject);
    }
  }

  #leaveAll(): void {
    this.#isLeft = true;
    for (const reject of this.#underWay) reject(left());
  }

  #login(member: EtcdMember): Promise<string> {
    const { user } = this.#options;
    if (user === undefined) return NO_TOKEN;
    this.#token ??= member.auth.Authenticate({ ...user }, { deadline: this.#options.clock.now() + READ_TRY_MS }).then(
      ({ token }) => token ?? "",
      (error: unknown) => {
        this.#token = undefined;
        throw isDisabled(error) ? notAsked(user.name) : Object.assign(error as Error, { beforeSending: true });
      },
    );
    return this.#token;
  }
}

/** The same to its caller as a call that somebody cancelled. */
function left(): Error {
  return Object.assign(new Error("no answer before the end of who asked"), { code: grpc.status.CANCELLED });
}

const NO_TOKEN = Promise.resolve("");

function memberAt(endpoint: string, tls: GrpcTls | undefined): EtcdMember {
  const { address, secure } = parseEndpoint(endpoint);
  const options = {
    keepaliveMs: KEEPALIVE_MS,
    maxMessageBytes: 512 << 20,
    ...(secure && { tls: tls ?? {} }),
  };
  return {
    endpoint,
    kv: dialGrpc<KV>(address, SERVICES.kv, options),
    watch: dialGrpc<Watch>(address, SERVICES.watch, options),
    lease: dialGrpc<Lease>(address, SERVICES.lease, options),
    auth: dialGrpc<Auth>(address, SERVICES.auth, options),
    maintenance: dialGrpc<Maintenance>(address, SERVICES.maintenance, options),
  };
}

function parseEndpoint(endpoint: string): { readonly address: string; readonly secure: boolean } {
  const [, scheme = "http", address] = /^(?:(https?|unixs?):\/\/)?([^/]+|\/.+)\/?$/.exec(endpoint) ?? [];
  if (address === undefined)
    throw new StoreError("failed", `Cannot use etcd endpoint "${endpoint}": expected such as "https://10.0.0.1:2379"`);
  const isSocket = scheme.startsWith("unix");
  return {
    address: isSocket ? `unix:${address}` : /:\d+$/.test(address) ? address : `${address}:2379`,
    secure: scheme === "https" || scheme === "unixs",
  };
}

interface GrpcFailure {
  readonly code?: number;
  readonly details?: string;
  readonly beforeSending?: boolean;
}

/** etcd's own words for a request that it did not propose to its cluster. */
const NOT_PROPOSED = /etcdserver: (no leader|too many requests|invalid auth token|revision of auth store is old)/;
/** gRPC's words for a request that never left: there was no connection. */
const NOT_SENT = /No connection established|Failed to connect|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|Name resolution/;
const NEVER_PICKED = /Waiting for (LB pick|name resolution)/;

/** What a failed call did. */
function outcomeOf(error: unknown): Outcome {
  const { code, details = "", beforeSending } = error as GrpcFailure;
  if (beforeSending === true && code === grpc.status.UNAVAILABLE) return "not-done";
  if (NOT_PROPOSED.test(details)) return "not-done";
  switch (code) {
    case grpc.status.UNAVAILABLE:
      return NOT_SENT.test(details) && !/ECONNRESET|GOAWAY|Connection dropped/.test(details) ? "not-done" : "unknown";
    case grpc.status.DEADLINE_EXCEEDED:
      return NEVER_PICKED.test(details) ? "not-done" : "unknown";
    case grpc.status.CANCELLED:
    case grpc.status.INTERNAL:
    case grpc.status.UNKNOWN:
    case grpc.status.ABORTED:
      return "unknown";
    default:
      return "refused";
  }
}

function isStaleToken(error: unknown): boolean {
  return /invalid auth token|revision of auth store is old/.test((error as GrpcFailure).details ?? "");
}

function isDisabled(error: unknown): boolean {
  return /authentication is not enabled/.test((error as GrpcFailure).details ?? "");
}

function notAsked(user: string): StoreError {
  return new StoreError("failed", `Cannot log in to etcd as "${user}": its authentication is off, expected it on`);
}

function unreachable(member: EtcdMember, outcome: Outcome, cause: unknown): StoreError {
  const said = grpcWords(cause);
  return outcome === "unknown"
    ? new StoreError(
        "unknown",
        `Cannot tell whether etcd at ${member.endpoint} wrote it: ${said}; look before trying again`,
        { cause },
      )
    : new StoreError(
        "unavailable",
        `Cannot reach etcd at ${member.endpoint}: ${said}, expected an etcd that answers there; nothing was written`,
      );
}
