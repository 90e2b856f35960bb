import { type Metrics, messageOf } from "@tsukube/foundation";
import type { Exchange, OutgoingHeaders } from "../https-server.ts";
import { metricsAnswer } from "../metrics/metrics-answer.ts";
import { Slis } from "../metrics/slis.ts";
import { checkAll, checkOne, type HealthChecks } from "./health-checks.ts";

export interface ComponentEndpointsOptions {
  /** By the paths at which they are asked for, such as "healthz". */
  readonly health: Readonly<Record<string, HealthChecks>>;
  readonly metrics?: Metrics;
  /** Configurations in force at /configz, by their groups. */
  readonly configuration?: object;
  /** Paths of the component's own, and their text. */
  readonly texts?: Readonly<Record<string, string>>;
  /** The same that depend on what is asked for. */
  readonly pages?: Readonly<Record<string, ComponentPage>>;
}

export interface PageAnswer {
  readonly status: number;
  readonly headers: OutgoingHeaders;
  readonly body: Uint8Array;
}

export type ComponentPage = (headers: Readonly<Record<string, string>>, query: URLSearchParams) => PageAnswer;

/** Where something answers. */
export function componentPaths({ health, metrics, configuration, texts = {}, pages = {} }: ComponentEndpointsOptions) {
  return [
    ...Object.keys(health).map((endpoint) => `/${endpoint}`),
    ...(metrics === undefined ? [] : ["/metrics"]),
    ...(configuration === undefined ? [] : ["/configz"]),
    ...Object.keys(texts),
    ...Object.keys(pages),
  ];
}

const PLAIN = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };

/** What upstream's components tell of themselves over HTTP: health, metrics and their configuration. Lets in everybody. */
export function componentEndpoints(options: ComponentEndpointsOptions): (exchange: Exchange) => void {
  const slis = new Slis();
  const text = (exchange: Exchange, status: number, body: string): void =>
    exchange.send(status, PLAIN, Buffer.from(body));
  const health = async (exchange: Exchange, endpoint: string, name: string | undefined, query: URLSearchParams) => {
    const checks = options.health[endpoint] ?? {};
    const checked =
      name === undefined
        ? await checkAll(endpoint, checks, query.getAll("exclude"), (one, ok) => slis.observe(one, endpoint, ok))
        : await checkOne(checks, name);
    if (checked === undefined) return text(exchange, 404, "404 page not found\n");
    const isShort = name === undefined && checked.ok && !query.has("verbose");
    text(exchange, checked.ok ? 200 : 500, isShort ? "ok" : checked.report);
  };
  const answer = async (exchange: Exchange): Promise<void> => {
    const { pathname: path, searchParams: query } = new URL(exchange.path, "http://component");
    const [, endpoint = "", name] = /^\/(healthz|livez|readyz)(?:\/(.+))?$/.exec(path) ?? [];
    if (Object.hasOwn(options.health, endpoint)) return health(exchange, endpoint, name, query);
    const metrics = { "/metrics": options.metrics, "/metrics/slis": slis.metrics }[path];
    if (metrics !== undefined) {
      const { headers, body } = await metricsAnswer(metrics, exchange.headers);
      return exchange.send(200, headers, body);
    }
    const own = options.texts?.[path];
    if (own !== undefined) return text(exchange, 200, own);
    const page = options.pages?.[path];
    if (page !== undefined) {
      const { status, headers, body } = page(exchange.headers, query);
      return exchange.send(status, headers, body);
    }
    if (path !== "/configz" || options.configuration === undefined) return text(exchange, 404, "404 page not found\n");
    const headers = { ...PLAIN, "content-type": "application/json" };
    exchange.send(200, headers, Buffer.from(JSON.stringify(options.configuration)));
  };
  return (exchange) => void answer(exchange).catch((error: unknown) => text(exchange, 500, `${messageOf(error)}\n`));
}
