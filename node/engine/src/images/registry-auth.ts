import { TsukubeError } from "@tsukube/foundation";
import { exchange, type HttpTrust, readAll } from "./http-exchange.ts";

/** Credentials for a registry, as the CRI's AuthConfig and Docker's X-Registry-Auth carry them. */
export interface RegistryCredentials {
  readonly username?: string;
  readonly password?: string;
  /** base64 of "username:password". */
  readonly auth?: string;
  readonly identityToken?: string;
  readonly registryToken?: string;
}

/** "user:password", or undefined. */
function pairOf(credentials: RegistryCredentials): string | undefined {
  if ((credentials.username ?? "") !== "") return `${credentials.username}:${credentials.password ?? ""}`;
  if ((credentials.auth ?? "") !== "") return Buffer.from(credentials.auth ?? "", "base64").toString("utf8");
  return undefined;
}

/** A `WWW-Authenticate` header (RFC 9110, section 11.6.1). */
function parseChallenge(header: string): { readonly scheme: string; readonly parameters: Map<string, string> } {
  const [scheme = ""] = header.trim().split(/\s/, 1);
  const parameters = new Map<string, string>();
  for (const [, name = "", quoted, plain] of header.slice(scheme.length).matchAll(/([\w-]+)=(?:"([^"]*)"|([^\s,]+))/g))
    parameters.set(name.toLowerCase(), quoted ?? plain ?? "");
  return { scheme: scheme.toLowerCase(), parameters };
}

/** Answers a registry's challenge with an Authorization header (distribution spec, token authentication). */
export async function authorize(
  challenge: string,
  scope: string,
  credentials: RegistryCredentials,
  trust: HttpTrust,
): Promise<string | undefined> {
  const { scheme, parameters } = parseChallenge(challenge);
  const pair = pairOf(credentials);
  if (scheme === "basic") return pair === undefined ? undefined : basic(pair);
  if (scheme !== "bearer") return undefined;
  const url = new URL(parameters.get("realm") ?? "");
  const fields = new URLSearchParams({ scope: parameters.get("scope") ?? scope });
  const service = parameters.get("service");
  if (service !== undefined) fields.set("service", service);
  const refresh = credentials.identityToken ?? "";
  if (refresh !== "") {
    for (const [name, value] of [
      ["grant_type", "refresh_token"],
      ["refresh_token", refresh],
      ["client_id", "tsukube"],
    ] as const)
      fields.set(name, value);
  } else for (const [name, value] of fields) url.searchParams.set(name, value);
  const response = await exchange(
    url,
    refresh === ""
      ? { headers: pair === undefined ? {} : { authorization: basic(pair) } }
      : {
          method: "POST",
          headers: { "content-type": "application/x-www-form-urlencoded" },
          body: Buffer.from(fields.toString()),
        },
    trust,
  );
  const text = (await readAll(response, trust)).toString("utf8");
  if (response.statusCode !== 200) {
    throw new TsukubeError(
      "unauthorized",
      `Cannot get a token from "${url.origin}": it answered ${response.statusCode}, expected 200; check user name and password`,
    );
  }
  const body = JSON.parse(text) as { token?: string; access_token?: string };
  return `Bearer ${body.token ?? body.access_token ?? ""}`;
}

function basic(pair: string): string {
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}
