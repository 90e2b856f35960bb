import { ApiError } from "@tsukube/api";
import { Lifetime } from "@tsukube/foundation";
import {
  type ComponentEndpointsOptions,
  componentEndpoints,
  createHttpsServer,
  type Exchange,
  type ListenOptions,
  listenWhenFree,
} from "@tsukube/host";
import { DelegatedAccess, type ReviewedUser } from "./delegated-access.ts";
import type { Client } from "./types.ts";

export interface ComponentServerOptions extends ComponentEndpointsOptions, Omit<ListenOptions, "address"> {
  /** May create TokenReviews and SubjectAccessReviews. */
  readonly client: Client;
  readonly addresses: readonly string[];
  /** PEM. */
  readonly key: string;
  readonly cert: string;
  /** PEM of whoever signs the certificates of clients. */
  readonly clientCa: string;
}

/** As upstream's --authentication-token-webhook-cache-ttl and its like. */
const REMEMBER_MS = 10_000;

/** As upstream's --authorization-always-allow-paths. */
const OPEN = ["/healthz", "/livez", "/readyz"];

/** Bytes of a path that is of nothing here, which the API server is not asked about. */
const LONGEST_PATH = 64 * 1024;

const ANONYMOUS: ReviewedUser = { username: "system:anonymous", groups: ["system:unauthenticated"] };

/** Serves what a component tells of itself over HTTPS: health to everybody, the rest to whom the API server lets read the path. */
export async function startComponentServer(options: ComponentServerOptions): Promise<Lifetime> {
  const { client, clock, addresses, key, cert, clientCa } = options;
  const lifetime = new Lifetime();
  const access = new DelegatedAccess({ client, clock, rememberMs: REMEMBER_MS });
  const endpoints = componentEndpoints(options);
  const handle = (exchange: Exchange): void =>
    void admit(exchange, access).then(
      () => endpoints(exchange),
      (error: unknown) => refuse(exchange, error),
    );
  const server = createHttpsServer({ key, cert, clientCa, handle });
  lifetime.own("server", server);
  for (const address of addresses)
    lifetime.add(`port at ${address}`, await listenWhenFree(server, { ...options, address }));
  return lifetime;
}

/** @throws {ApiError} 401, 403, and what the API server answers with. */
async function admit(exchange: Exchange, access: DelegatedAccess): Promise<void> {
  const user = await access.authenticate(exchange);
  if (user === undefined) throw ApiError.unauthorized();
  const { pathname: path } = new URL(exchange.path, "https://component");
  if (OPEN.includes(path)) return;
  if (path.length > LONGEST_PATH) throw ApiError.generic(414);
  const known = user === "nobody" ? ANONYMOUS : user;
  const verb = exchange.method.toLowerCase();
  if (await access.isAllowed(known, { nonResourceAttributes: { path, verb } })) return;
  throw new ApiError({
    status: "Failure",
    message: `forbidden: User "${known.username}" cannot ${verb} path "${path}"`,
    reason: "Forbidden",
    details: {},
    code: 403,
  });
}

function refuse(exchange: Exchange, error: unknown): void {
  const { status } = ApiError.from(error);
  const body = JSON.stringify({ kind: "Status", apiVersion: "v1", metadata: {}, ...status }, undefined, 2);
  exchange.send(status.code ?? 500, { "content-type": "application/json" }, Buffer.from(body));
}
