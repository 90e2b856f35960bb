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

/** What a challenge is answered with. */
export interface Authorization {
  /** Value of the header of that name. */
  readonly header: string;
  /** How many milliseconds it is good for, as far as is known. */
  readonly lifeMs: number;
  /** What gets further tokens in the place of a password, where the registry's server gives such. */
  readonly identityToken?: string;
}

/** What a token is asked for. */
export interface TokenWish {
  /** "repository:team/app:pull"; a challenge's own comes first. None is for a login. */
  readonly scope?: string;
  /** Whether an identity token is wanted, too. */
  readonly offline?: boolean;
}

interface TokenDocument {
  readonly token?: string;
  readonly access_token?: string;
  readonly refresh_token?: string;
  /** Seconds. */
  readonly expires_in?: number;
}

/** Distribution spec, token authentication: what counts where a server does not say. */
const TOKEN_MS = 60_000;
/** Of passwords, which do not expire. */
const PASSWORD_MS = 3_600_000;

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

/**
 * Answers a registry's challenge (distribution spec, token authentication); undefined where the credentials have no answer.
 * @throws {TsukubeError} `unauthorized`, and as {@link exchange}.
 */
export async function authorize(
  challenge: string,
  wish: TokenWish,
  credentials: RegistryCredentials,
  trust: HttpTrust,
): Promise<Authorization | undefined> {
  const { scheme, parameters } = parseChallenge(challenge);
  const pair = pairOf(credentials);
  if (scheme === "basic") return pair === undefined ? undefined : { header: basic(pair), lifeMs: PASSWORD_MS };
  if (scheme !== "bearer") return undefined;
  const url = realmOf(parameters.get("realm") ?? "");
  const scope = parameters.get("scope") ?? wish.scope;
  const service = parameters.get("service");
  const fields = {
    ...(scope === undefined ? {} : { scope }),
    ...(service === undefined ? {} : { service }),
    ...(wish.offline === true ? { offline_token: "true", client_id: "tsukube" } : {}),
  };
  const refresh = credentials.identityToken ?? "";
  const response = await (refresh === ""
    ? exchange(withFields(url, fields), { headers: pair === undefined ? {} : { authorization: basic(pair) } }, trust)
    : exchange(url, refreshing(fields, refresh), trust));
  const text = (await readAll(response, trust)).toString("utf8");
  if (response.statusCode !== 200) {
    throw new TsukubeError(
      "unauthorized",
      `Cannot get a token from "${url.origin}": it answered ${response.statusCode}, expected 200; check user name and password`,
    );
  }
  const document = tokenDocument(text, url);
  return {
    header: `Bearer ${document.token ?? document.access_token ?? ""}`,
    lifeMs: (document.expires_in ?? 0) > 0 ? Number(document.expires_in) * 1000 : TOKEN_MS,
    ...(typeof document.refresh_token === "string" ? { identityToken: document.refresh_token } : {}),
  };
}

function realmOf(realm: string): URL {
  if (URL.canParse(realm) && /^https?:$/.test(new URL(realm).protocol)) return new URL(realm);
  throw new TsukubeError(
    "unauthorized",
    `Cannot get a token: the registry sends to "${realm}" for it, expected a URL of http or https`,
  );
}

function withFields(url: URL, fields: Readonly<Record<string, string>>): URL {
  const whole = new URL(url);
  for (const [name, value] of Object.entries(fields)) whole.searchParams.set(name, value);
  return whole;
}

/** OAuth 2 (RFC 6749, section 6). */
function refreshing(fields: Readonly<Record<string, string>>, token: string) {
  const form = { ...fields, grant_type: "refresh_token", refresh_token: token, client_id: "tsukube" };
  return {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: Buffer.from(new URLSearchParams(form).toString()),
  };
}

function tokenDocument(text: string, url: URL): TokenDocument {
  try {
    const document = JSON.parse(text) as TokenDocument | null;
    if (typeof (document?.token ?? document?.access_token) === "string") return document as TokenDocument;
  } catch {} // said below
  throw new TsukubeError("unauthorized", `Cannot get a token from "${url.origin}": there is none in its answer`);
}

function basic(pair: string): string {
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}
