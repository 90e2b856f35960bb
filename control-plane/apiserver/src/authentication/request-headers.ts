import { ApiError } from "@tsukube/api";
import { verified } from "@tsukube/host";
import type { Authenticator, IncomingRequest, User } from "../contracts.ts";

/** Whom a proxy in front of this server speaks for, and which proxy is believed. */
export interface RequestHeaders {
  /** PEM: signs the proxy's certificate. */
  readonly ca: string;
  /** Names that the certificate may have; any by default. */
  readonly allowedNames: readonly string[];
  readonly usernameHeaders: readonly string[];
  readonly uidHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly extraHeaderPrefixes: readonly string[];
}

/** Users whom a proxy has authenticated: it tells them by headers, and shows a certificate of its own. */
export function requestHeaderAuthenticator(options: RequestHeaders): Authenticator {
  const { ca, allowedNames } = options;
  return {
    authenticate(request) {
      const proxy = verified(request.peer);
      if (proxy?.leadsTo?.(ca) !== true) return undefined;
      const user = userOf(request, options);
      if (user === undefined) return undefined;
      if (allowedNames.length > 0 && !allowedNames.includes(proxy.commonName)) throw ApiError.unauthorized();
      return user;
    },
  };
}

function userOf(request: IncomingRequest, options: RequestHeaders): User | undefined {
  const first = (names: readonly string[]): string | undefined => names.flatMap((name) => valuesOf(request, name))[0];
  const name = first(options.usernameHeaders);
  if (name === undefined) return undefined;
  const uid = first(options.uidHeaders);
  const groups = options.groupHeaders.flatMap((header) => valuesOf(request, header));
  const isKnown = groups.some((group) => group === "system:authenticated" || group === "system:unauthenticated");
  return {
    name,
    ...(uid !== undefined && { uid }),
    groups: isKnown || name === "system:anonymous" ? groups : [...groups, "system:authenticated"],
    extra: extraOf(request, options.extraHeaderPrefixes),
  };
}

function extraOf(request: IncomingRequest, prefixes: readonly string[]): User["extra"] {
  const extra: Record<string, string[]> = {};
  for (const prefix of prefixes.map((one) => one.toLowerCase()))
    for (const header of Object.keys(request.headers).filter((name) => name.startsWith(prefix))) {
      const key = unescaped(header.slice(prefix.length));
      extra[key] = [...(extra[key] ?? []), ...valuesOf(request, header)];
    }
  return extra;
}

/** Those that are not empty, as they came. */
function valuesOf({ headers, repeated }: IncomingRequest, header: string): readonly string[] {
  const name = header.toLowerCase();
  return (repeated?.get(name) ?? [headers[name] ?? ""]).filter((value) => value !== "");
}

function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
