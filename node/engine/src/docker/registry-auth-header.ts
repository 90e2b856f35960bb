import { TsukubeError } from "@tsukube/foundation";
import type { RegistryCredentials } from "../images/registry-auth.ts";
import type { Fields } from "./document-shape.ts";

/** Docker's words for credentials (Engine API, AuthConfig). */
export interface AuthConfig {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
  readonly serveraddress?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

export const AUTH_FIELDS: Fields<AuthConfig> = {
  username: "string",
  password: "string",
  auth: "string",
  serveraddress: "string",
  identitytoken: "string",
  registrytoken: "string",
};

/** X-Registry-Auth: base64 of an AuthConfig, `e30=` for none. @throws {TsukubeError} `invalid`. */
export function credentialsIn(header: string | undefined): RegistryCredentials {
  return credentialsOf(documentIn<AuthConfig>("X-Registry-Auth", header));
}

/** X-Registry-Config: base64 of AuthConfigs by registry, as the client's config.json names them. @throws {TsukubeError} `invalid`. */
export function buildCredentialsIn(header: string | undefined): (registry: string) => RegistryCredentials {
  const known = new Map<string, RegistryCredentials>();
  for (const [server, auth] of Object.entries(documentIn<Record<string, AuthConfig>>("X-Registry-Config", header)))
    known.set(registryAt(server), credentialsOf(auth));
  return (registry) => known.get(registry) ?? {};
}

/** The registry of a server as clients name it: "https://index.docker.io/v1/" is docker.io. */
export function registryAt(server: string): string {
  const host = server.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  return ["", "index.docker.io", "registry-1.docker.io"].includes(host) ? "docker.io" : host;
}

export function credentialsOf(config: AuthConfig): RegistryCredentials {
  const { username = "", password = "", auth = "", identitytoken = "", registrytoken = "" } = config;
  const all = { username, password, auth, identityToken: identitytoken, registryToken: registrytoken };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ""));
}

function documentIn<T extends object>(name: string, header: string | undefined): T {
  if (header === undefined || header === "") return {} as T;
  try {
    const document: unknown = JSON.parse(Buffer.from(header, "base64").toString("utf8"));
    if (document === null) return {} as T;
    if (typeof document === "object" && !Array.isArray(document)) return document as T;
  } catch {} // said below
  throw new TsukubeError("invalid", `Cannot read the header ${name}: expected base64 of a JSON object`);
}
