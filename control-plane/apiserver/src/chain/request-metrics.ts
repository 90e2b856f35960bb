import type { ApiResponse } from "@tsukube/client";
import type {
  Clock,
  Counter,
  CounterSeries,
  Gauge,
  GaugeSeries,
  Histogram,
  HistogramSeries,
  Labels,
  Metrics,
} from "@tsukube/foundation";
import type { IncomingRequest, RequestInfo } from "../contracts.ts";
import { FlowingBody } from "../sending/flowing-body.ts";
import { Pieces } from "../sending/pieces.ts";

const SECONDS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];
const BYTES = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const RECEIVED_BYTES = Array.from({ length: 31 }, (_, index) => 50_000 + index * 100_000);
const WHERE = ["verb", "group", "version", "resource", "subresource", "scope", "component"];
const MUTATING = new Set(["POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"]);
const VALIDATED = new Set(["POST", "PUT", "PATCH", "APPLY"]);
const METHODS = new Set(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT"]);
const CONNECTING = new Set(["exec", "attach", "portforward", "proxy"]);

/** Counts requests under upstream's names (apiserver_request_total and its kin). */
export class RequestMetrics {
  readonly #clock: Clock;
  readonly #serves: (info: RequestInfo) => boolean;
  readonly #total: Counter;
  readonly #duration: Histogram;
  readonly #own: Histogram;
  readonly #sizes: Histogram;
  readonly #received: Histogram;
  readonly #validated: Histogram;
  readonly #inflight: Gauge;
  readonly #longRunning: Gauge;
  readonly #kinds = new Map<string, Kind>();

  /** @param serves Whether the names in a request are of something served: only those become labels, for clients may make up any. */
  constructor(metrics: Metrics, clock: Clock, serves: (info: RequestInfo) => boolean) {
    this.#clock = clock;
    this.#serves = serves;
    this.#total = metrics.counter(
      "apiserver_request_total",
      "Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.",
      ["verb", "dry_run", ...WHERE.slice(1), "code"],
    );
    this.#duration = metrics.histogram(
      "apiserver_request_duration_seconds",
      "Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.",
      SECONDS,
      ["verb", "dry_run", ...WHERE.slice(1)],
    );
    this.#own = metrics.histogram(
      "apiserver_request_sli_duration_seconds",
      "Response latency distribution (not counting webhook duration and priority & fairness queue wait times) in seconds for each verb, group, version, resource, subresource, scope and component.",
      SECONDS,
      WHERE,
    );
    this.#received = metrics.histogram(
      "apiserver_request_body_size_bytes",
      "Apiserver request body size in bytes broken out by resource and verb.",
      RECEIVED_BYTES,
      ["resource", "group", "verb"],
    );
    this.#validated = metrics.histogram(
      "field_validation_request_duration_seconds",
      "Response latency distribution in seconds for each field validation value",
      SECONDS.slice(2),
      ["field_validation"],
    );
    this.#sizes = metrics.histogram(
      "apiserver_response_sizes",
      "Response size distribution in bytes for each group, version, verb, resource, subresource, scope and component.",
      BYTES,
      WHERE,
    );
    this.#inflight = metrics.gauge(
      "apiserver_current_inflight_requests",
      "Maximal number of currently used inflight request limit of this apiserver per request kind in last second.",
      ["request_kind"],
    );
    this.#longRunning = metrics.gauge(
      "apiserver_longrunning_requests",
      "Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, scope and component. Not all requests are tracked this way.",
      WHERE,
    );
  }

  /** Requests of one kind share theirs: there are as many as series of metrics. */
  #kindOf(request: Head, info: RequestInfo): Kind {
    const { query, group, version, resource, subresource, path } = info;
    const dryRun = query.size === 0 ? "" : dryRunIn(query);
    const validation = query.size === 0 ? "" : fieldValidationIn(query);
    const isServed = info.isResource && this.#serves(info);
    const where = isServed ? `${group} ${version} ${resource} ${subresource}` : rootOf(path);
    const key = `${verbOf(request, info)} ${where} ${scopeOf(info)} ${dryRun} ${validation}`;
    let kind = this.#kinds.get(key);
    if (kind === undefined) {
      kind = this.#kind(labelsOf(request, info, isServed), dryRun, validation, info);
      this.#kinds.set(key, kind);
    }
    return kind;
  }

  #kind(labels: Labels, dryRun: string, validation: string, info: RequestInfo): Kind {
    const verb = labels["verb"]!;
    const isLong = verb === "WATCH" || verb === "CONNECT";
    const requested = { ...labels, dry_run: dryRun };
    const byStatus = new Map<number, CounterSeries>();
    const { group = "", resource = "" } = labels;
    const received = { group, resource, verb: info.verb };
    return {
      present: isLong ? this.#longRunning.of(labels) : this.#inflight.of(MUTATING.has(verb) ? CHANGES : READS),
      duration: isLong ? undefined : this.#duration.of(requested),
      own: isLong ? undefined : this.#own.of(labels),
      sizes: isLong ? undefined : this.#sizes.of(labels),
      validated: isLong || !VALIDATED.has(verb) ? undefined : this.#validated.of({ field_validation: validation }),
      received: MUTATING.has(verb) ? this.#received.of(received) : undefined,
      counted: (status) => {
        let series = byStatus.get(status);
        if (series === undefined) {
          series = this.#total.of({ ...requested, code: String(status) });
          byStatus.set(status, series);
        }
        return series;
      },
    };
  }

  /** A request begins. @returns what to call with its answer. */
  begin(request: Head, info: RequestInfo): Answered {
    const { present, duration, own, sizes, validated, received, counted } = this.#kindOf(request, info);
    const started = this.#clock.now();
    present.add(1);
    return ({ status, body }, leftOut) => {
      if (received !== undefined && info.isResource) received.observe(request.body?.length ?? 0);
      if (duration === undefined && body instanceof FlowingBody && body.lasts) body.whenOver(() => present.add(-1));
      else present.add(-1);
      counted(status).inc();
      const took = this.#clock.now() - started;
      duration?.observe(took / 1000);
      validated?.observe(took / 1000);
      own?.observe(Math.max(0, took - leftOut) / 1000);
      if (body instanceof Uint8Array || body instanceof Pieces) sizes?.observe(body.byteLength);
    };
  }
}

const CHANGES: Labels = { request_kind: "mutating" };
const READS: Labels = { request_kind: "readOnly" };

/** The series of metrics that requests of one kind move. */
interface Kind {
  readonly present: GaugeSeries;
  /** Of what stays open by itself there is neither duration nor size. */
  readonly duration: HistogramSeries | undefined;
  readonly own: HistogramSeries | undefined;
  readonly sizes: HistogramSeries | undefined;
  /** Of writes whose fields are looked at. */
  readonly validated: HistogramSeries | undefined;
  readonly received: HistogramSeries | undefined;
  counted(status: number): CounterSeries;
}

type Head = Pick<IncomingRequest, "method" | "headers" | "body">;

/** @param leftOut Of its time, in ms: it waited for seats or for webhooks. */
type Answered = (response: ApiResponse, leftOut: number) => void;

function fieldValidationIn(query: URLSearchParams): string {
  const [value = "", ...more] = query.getAll("fieldValidation");
  return ["", "Ignore", "Warn", "Strict"].includes(value) && more.length === 0 ? value : "invalid";
}

function dryRunIn(query: URLSearchParams): string {
  const values = query.getAll("dryRun");
  return values.length === 0 ? "" : values.every((value) => value === "All") ? "All" : "invalid";
}

function labelsOf(request: Head, info: RequestInfo, isServed: boolean): Labels {
  const { group, version, resource, subresource, path } = info;
  const where = isServed ? { group, version, resource, subresource } : { subresource: rootOf(path) };
  const verb = verbOf(request, info);
  return { verb, group: "", version: "", resource: "", ...where, scope: scopeOf(info), component: "apiserver" };
}

/** Paths would make too many series: health and metrics are named, nothing else. */
function rootOf(path: string): string {
  return /^\/(?:healthz|livez|readyz|metrics)(?=\/|$)/.exec(path)?.[0] ?? "";
}

function verbOf({ method, headers }: Head, { isResource, verb, subresource }: RequestInfo): string {
  if (!isResource) return method === "HEAD" ? "GET" : METHODS.has(method) ? method : "OTHER";
  if (CONNECTING.has(subresource)) return "CONNECT";
  switch (verb) {
    case "create":
      return "POST";
    case "update":
      return "PUT";
    case "patch":
      return String(headers["content-type"] ?? "").includes("apply-patch") ? "APPLY" : "PATCH";
    case "get":
    case "list":
    case "watch":
    case "delete":
    case "deletecollection":
      return verb.toUpperCase();
    default:
      return METHODS.has(method) ? method : "OTHER";
  }
}

function scopeOf({ isResource, name, verb, namespace }: RequestInfo): string {
  if (!isResource) return "";
  if (name !== "" || verb === "create") return "resource";
  return namespace === "" ? "cluster" : "namespace";
}
