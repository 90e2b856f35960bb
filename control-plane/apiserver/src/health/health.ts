import { ApiError } from "@tsukube/api";
import { KUBERNETES_VERSION } from "@tsukube/api/kubernetes-version";
import { type ApiResponse, type ComponentPagesOptions, componentPages } from "@tsukube/client";
import type { Metrics } from "@tsukube/foundation";
import { type Checked, type ComponentPage, checkAll, checkOne, metricsAnswer, Slis } from "@tsukube/host";
import type { Tokens } from "../authentication/tokens.ts";
import { checkAcceptable } from "../chain/negotiation.ts";
import type { RequestContext } from "../contracts.ts";
import { checkPaths, checksOf, type Vitals } from "./checks.ts";

const [major = "", minor = ""] = KUBERNETES_VERSION.slice(1).split(".");
const VERSION = { major, minor, gitVersion: KUBERNETES_VERSION } as const;

const OWN_PATHS = [
  ...["/.well-known/openid-configuration", "/metrics", "/metrics/slis", "/openapi/v2", "/openapi/v3", "/openapi/v3/"],
  ...["/openid/v1/jwks", "/version"],
];

/** Paths for which upstream has routes: others do not look at the method. */
const ROUTED = /^\/(?:version|\.well-known\/openid-configuration|openid\/v1\/jwks)\/?$/;

/** /version, health, metrics and the keys that verify ServiceAccount tokens. */
export class Health {
  readonly #metrics: Metrics;
  readonly #tokens: Tokens;
  readonly #vitals: Vitals;
  readonly #discovered: () => readonly string[];
  readonly #pages: Readonly<Record<string, ComponentPage>>;
  readonly #slis = new Slis();

  /** @param discovered Where else there is something, at the time. */
  constructor(
    metrics: Metrics,
    tokens: Tokens,
    vitals: Vitals,
    discovered: () => readonly string[],
    pages: Pick<ComponentPagesOptions, "clock" | "featureGates" | "flags">,
  ) {
    this.#discovered = discovered;
    this.#pages = componentPages({ component: "apiserver", paths: () => this.#paths, ...pages });
    this.#metrics = metrics;
    this.#tokens = tokens;
    this.#vitals = vitals;
    metrics
      .gauge("kubernetes_build_info", "A metric with a constant '1' value labeled by major, minor, git version.")
      .set(1, { major: VERSION.major, minor: VERSION.minor, git_version: VERSION.gitVersion });
  }

  async handle(context: RequestContext): Promise<ApiResponse | undefined> {
    const { path, query } = context.info;
    if (ROUTED.test(path) && context.request.method !== "GET") throw ApiError.methodNotAllowed();
    const health = /^\/(healthz|livez|readyz)(?:\/(.+))?$/.exec(path);
    if (health !== null) return this.#health(health[1] ?? "", health[2], query);
    switch (ROUTED.test(path) ? path.replace(/\/$/, "") : path) {
      case "/version":
        return json({
          ...VERSION,
          emulationMajor: VERSION.major,
          emulationMinor: VERSION.minor,
          minCompatibilityMajor: VERSION.major,
          minCompatibilityMinor: String(Number(VERSION.minor) - 1),
          gitCommit: "",
          gitTreeState: "clean",
          buildDate: "",
          goVersion: "",
          compiler: "tsukube",
          platform: `${process.platform}/${process.arch === "x64" ? "amd64" : process.arch}`,
        });
      case "/metrics":
        return measured(this.#metrics, context.request);
      case "/metrics/slis":
        return measured(this.#slis.metrics, context.request);
      case "/.well-known/openid-configuration":
        return forEverybody(
          json({
            issuer: this.#tokens.issuer,
            jwks_uri: `${this.#tokens.issuer}/openid/v1/jwks`,
            response_types_supported: ["id_token"],
            subject_types_supported: ["public"],
            id_token_signing_alg_values_supported: this.#tokens.algorithms,
          }),
        );
      case "/openid/v1/jwks":
        checkAcceptable(context.request.headers, false, ["application/jwk-set+json"]);
        return forEverybody(compact(this.#tokens.jwks, "application/jwk-set+json"));
      case "/":
        return json({ paths: this.#paths });
      default:
        return this.#pages[path]?.(context.request.headers, query);
    }
  }

  get #paths(): readonly string[] {
    const own = [...OWN_PATHS, ...Object.keys(this.#pages), ...checkPaths(this.#vitals)];
    return [...own, ...this.#discovered()].sort();
  }

  async #health(endpoint: string, check: string | undefined, query: URLSearchParams): Promise<ApiResponse | undefined> {
    const checks = checksOf(endpoint, this.#vitals);
    if (check !== undefined) {
      const one = await checkOne(checks, check);
      return one && (one.ok ? plain(one.report) : failed(one));
    }
    const observe = (name: string, isWell: boolean): void => this.#slis.observe(name, endpoint, isWell);
    const all = await checkAll(endpoint, checks, query.getAll("exclude"), observe);
    if (!all.ok) return failed(all);
    return text(query.has("verbose") ? all.report : "ok");
  }
}

async function measured(metrics: Metrics, { headers }: RequestContext["request"]): Promise<ApiResponse> {
  return { status: 200, ...(await metricsAnswer(metrics, headers)) };
}

function failed({ report }: Checked): ApiResponse {
  return { ...text(report), status: 500 };
}

/** A single check is answered without the header that keeps browsers from guessing. */
function plain(value: string): ApiResponse {
  const { "x-content-type-options": _nosniff, ...headers } = text(value).headers;
  return { ...text(value), headers };
}

function json(value: object, contentType = "application/json"): ApiResponse {
  return {
    status: 200,
    headers: { "content-type": contentType },
    body: Buffer.from(JSON.stringify(value, undefined, 2)),
  };
}

function compact(value: object, contentType: string): ApiResponse {
  return { status: 200, headers: { "content-type": contentType }, body: Buffer.from(JSON.stringify(value)) };
}

/** What relying parties ask for may be kept for an hour, by anybody. */
function forEverybody(response: ApiResponse): ApiResponse {
  return { ...response, headers: { ...response.headers, "cache-control": "public, max-age=3600" } };
}

function text(value: string, contentType = "text/plain; charset=utf-8"): ApiResponse {
  return {
    status: 200,
    headers: { "content-type": contentType, "x-content-type-options": "nosniff" },
    body: Buffer.from(value),
  };
}
