import { goQuote } from "@tsukube/api";
import { type Clock, formatTime } from "@tsukube/foundation";
import { TokenProblem } from "../token-problem.ts";
import { jsonOf } from "../tokens.ts";
import type { IssuerKeys } from "./issuer-keys.ts";

export type Claims = Readonly<Record<string, unknown>>;

const LEEWAY_S = 60;
const GOOGLE = "https://accounts.google.com";

/** Who says that it issued a token. @throws {TokenProblem} for what is no JWT. */
export function issuerOf(token: string): string {
  const parts = token.split(".");
  if (parts.length !== 3) throw new TokenProblem("malformed token");
  const claims = jsonOf<Claims>(parts[1] ?? "");
  if (claims === undefined) throw new TokenProblem("while unmarshaling token");
  const { iss = "" } = claims;
  if (typeof iss !== "string") throw new TokenProblem("while unmarshaling token");
  return iss === "accounts.google.com" ? GOOGLE : iss;
}

/** Pure: what of a token does not depend on who is asked. */
export interface TokenRules {
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** By which it may be signed. */
  readonly algorithms: readonly string[];
}

/** The claims of a token that is good now. @throws {TokenProblem} in go-oidc's words. */
export async function verifiedClaims(
  token: string,
  keys: IssuerKeys,
  rules: TokenRules,
  clock: Clock,
): Promise<Claims> {
  const [head = "", payload = "", signature = ""] = token.split(".");
  const header = jsonOf<{ readonly alg?: string; readonly kid?: string; readonly crit?: unknown }>(head);
  const claims = jsonOf<Claims>(payload);
  if (header === undefined || claims === undefined || header.crit !== undefined)
    throw new TokenProblem("oidc: malformed jwt");
  const { alg = "", kid } = header;
  if (!rules.algorithms.includes(alg)) {
    const expected = shown(rules.algorithms);
    throw new TokenProblem(
      `oidc: id token signed with unsupported algorithm, expected ${expected} got ${goQuote(alg)}`,
    );
  }
  await keys.mustHaveSigned(`${head}.${payload}`, Buffer.from(signature, "base64url"), alg, kid || undefined);
  expectTexts(claims);
  expectFor(claims, rules);
  expectNow(claims, clock.now() / 1000);
  return claims;
}

function expectTexts(claims: Claims): void {
  for (const name of ["iss", "sub", "nonce", "at_hash"]) {
    const value = claims[name] ?? "";
    if (typeof value === "string") continue;
    const why = notDecoded(value, `struct field idToken.${name} of type string`);
    throw new TokenProblem(`oidc: failed to unmarshal claims: ${why}`);
  }
}

function expectFor({ iss, aud }: Claims, { issuer, audiences }: TokenRules): void {
  if (iss !== issuer && !(issuer === GOOGLE && iss === "accounts.google.com")) {
    const [wanted, got] = [goQuote(issuer), goQuote(String(iss ?? ""))];
    throw new TokenProblem(`oidc: id token issued by a different provider, expected ${wanted} got ${got}`);
  }
  const own = typeof aud === "string" ? [aud] : Array.isArray(aud) ? aud.map(String) : [];
  if (audiences.some((audience) => own.includes(audience))) return;
  const [only = "", ...more] = audiences;
  if (more.length === 0) throw new TokenProblem(`oidc: expected audience ${goQuote(only)} got ${shown(own)}`);
  throw new TokenProblem(`oidc: expected audience in ${shown(audiences.toSorted())} got ${shown(own)}`);
}

function expectNow({ exp, nbf }: Claims, now: number): void {
  if (typeof exp !== "number")
    throw new TokenProblem("oidc: token is expired (Token Expiry: 0001-01-01 00:00:00 +0000 UTC)");
  if (Math.trunc(exp) < now) throw new TokenProblem(`oidc: token is expired (Token Expiry: ${goTime(exp)})`);
  if (typeof nbf === "number" && now + LEEWAY_S < Math.trunc(nbf))
    throw new TokenProblem(`oidc: current time ${goTime(now)} before the nbf (not before) time: ${goTime(nbf)}`);
}

/** In Go's words. @param type Into what it should have been. */
export function notDecoded(value: unknown, type: string): string {
  const shown = Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
  return `json: cannot unmarshal ${shown} into Go ${type}`;
}

/** As Go shows a time. @param seconds Since the epoch. */
function goTime(seconds: number): string {
  return `${formatTime(Math.trunc(seconds) * 1000)
    .replace("T", " ")
    .replace("Z", "")} +0000 UTC`;
}

/** As Go shows a list of texts. */
function shown(texts: readonly string[]): string {
  return `[${texts.map(goQuote).join(" ")}]`;
}
