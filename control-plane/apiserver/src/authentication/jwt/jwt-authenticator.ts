import { CelError, CelOptional, type CelProgram, goQuote } from "@tsukube/api";
import { type Clock, messageOf } from "@tsukube/foundation";
import type { User } from "../../contracts.ts";
import { TokenProblem } from "../token-problem.ts";
import type { JwtSettings, PrefixedClaimOrExpression } from "./configuration.ts";
import { compileAbout, evaluateAbout } from "./expressions.ts";
import { type Claims, issuerOf, notDecoded, type TokenRules, verifiedClaims } from "./issued-tokens.ts";
import { IssuerClient } from "./issuer-client.ts";
import { IssuerKeys, type IssuerKeysDeps } from "./issuer-keys.ts";

const AUTHENTICATED = "system:authenticated";

/** What an expression makes. */
interface Rule {
  readonly program: CelProgram;
  readonly message: string;
}

export type JwtDeps = Omit<IssuerKeysDeps, "client">;

/** Tokens of one issuer (OpenID Connect). */
export class JwtAuthenticator {
  readonly issuer: string;
  readonly #settings: JwtSettings;
  readonly #rules: TokenRules;
  readonly #clock: Clock;
  readonly #client: IssuerClient;
  readonly #keys: IssuerKeys;
  readonly #deps: JwtDeps;
  /** Of who issues claims that stand elsewhere. */
  readonly #othersKeys = new Map<string, IssuerKeys>();
  readonly #programs: Readonly<Partial<Record<"username" | "groups" | "uid", CelProgram>>>;
  readonly #extra: readonly { readonly key: string; readonly program: CelProgram }[];
  readonly #claimRules: readonly Rule[];
  readonly #userRules: readonly Rule[];

  /** @param settings Valid ones. @param algorithms By which tokens may be signed. */
  constructor(settings: JwtSettings, algorithms: readonly string[], deps: JwtDeps) {
    const { issuer, claimMappings, claimValidationRules, userValidationRules } = settings;
    this.issuer = issuer.url;
    this.#settings = settings;
    this.#rules = { issuer: issuer.url, audiences: issuer.audiences, algorithms };
    this.#clock = deps.clock;
    this.#deps = deps;
    this.#client = new IssuerClient(issuer.certificateAuthority, deps.clock, deps.signal);
    this.#keys = new IssuerKeys(issuer.url, issuer.discoveryURL, { ...deps, client: this.#client });
    const compiled = (source: string): CelProgram => compileAbout("claims", source);
    const { username, groups, uid, extra } = claimMappings;
    const given = Object.entries({ username, groups, uid }).filter(([, { expression }]) => expression !== "");
    this.#programs = Object.fromEntries(given.map(([name, { expression }]) => [name, compiled(expression)]));
    this.#extra = extra.map(({ key, valueExpression }) => ({ key, program: compiled(valueExpression) }));
    this.#claimRules = claimValidationRules
      .filter(({ expression }) => expression !== "")
      .map(({ expression, message }) => ({ program: compiled(expression), message }));
    this.#userRules = userValidationRules.map(({ expression, message }) => ({
      program: compileAbout("user", expression),
      message,
    }));
  }

  /** Why no token can be checked yet. */
  get problem(): string | undefined {
    const { problem } = this.#keys;
    return problem && `oidc: authenticator for issuer ${goQuote(this.issuer)} is not healthy: ${problem}`;
  }

  /** Whose a token of this issuer is. @throws {TokenProblem} for one that is not good. */
  async userOf(token: string): Promise<User> {
    if (this.#keys.problem !== undefined) throw new TokenProblem("oidc: authenticator not initialized");
    const verified = await about("verify token", () => verifiedClaims(token, this.#keys, this.#rules, this.#clock));
    const claims = await about("could not expand distributed claims", () => this.#expanded(verified));
    const name = this.#username(claims);
    const groups = this.#groups(claims);
    const uid = this.#uid(claims);
    const extra = this.#extraOf(claims);
    this.#expectRequired(claims);
    expectRules(this.#claimRules, claims, "claim validation expression");
    expectRules(this.#userRules, { username: name, uid, groups, extra }, "user info validation rule");
    const known = groups.includes(AUTHENTICATED) ? groups : [...groups, AUTHENTICATED];
    return { name, ...(uid !== "" && { uid }), groups: known, extra };
  }

  #username(claims: Claims): string {
    const { claim, prefix = "" } = this.#settings.claimMappings.username;
    const { username } = this.#programs;
    if (username !== undefined) {
      const name = evaluated(username, claims, "username claim expression");
      if (typeof name !== "string")
        throw mapped("username claim expression", "username claim expression must return a string");
      if (name === "") throw new TokenProblem("oidc: empty username via CEL expression is not allowed");
      return name;
    }
    const name = textIn(claims, claim, (why) => `parse username claims ${goQuote(claim)}: ${why}`);
    if (claim === "email" && Object.hasOwn(claims, "email_verified")) {
      const { email_verified: isVerified } = claims;
      if (typeof isVerified !== "boolean")
        throw new TokenProblem(`oidc: parse 'email_verified' claim: ${notDecoded(isVerified, "value of type bool")}`);
      if (!isVerified) throw new TokenProblem("oidc: email not verified");
    }
    return prefix + name;
  }

  #groups(claims: Claims): readonly string[] {
    const { claim, prefix = "" }: PrefixedClaimOrExpression = this.#settings.claimMappings.groups;
    if (claim !== "" && Object.hasOwn(claims, claim)) {
      const given = claims[claim];
      const groups = Array.isArray(given) ? given : [given ?? ""];
      const wrong = groups.find((group) => typeof group !== "string");
      if (wrong !== undefined)
        throw new TokenProblem(
          `oidc: parse groups claim ${goQuote(claim)}: ${notDecoded(given, "value of type string")}`,
        );
      return groups.map((group) => prefix + group);
    }
    const { groups } = this.#programs;
    return groups === undefined
      ? []
      : listed(evaluated(groups, claims, "group claim expression"), "group claim expression");
  }

  #uid(claims: Claims): string {
    const { claim } = this.#settings.claimMappings.uid;
    if (claim !== "") return textIn(claims, claim, (why) => `parse uid claim ${goQuote(claim)}: ${why}`);
    const { uid } = this.#programs;
    if (uid === undefined) return "";
    const value = evaluated(uid, claims, "uid claim expression");
    if (typeof value !== "string") throw mapped("uid claim expression", "uid claim expression must return a string");
    return value;
  }

  #extraOf(claims: Claims): User["extra"] {
    const { jti } = claims;
    const extra = this.#extra.map(({ key, program }) => {
      const values = evaluated(program, claims, "extra claim expression");
      return [key, listed(values, `extra claim expression: ${program.source}`)] as const;
    });
    return {
      ...(typeof jti === "string" && jti !== "" && { "authentication.kubernetes.io/credential-id": [`JTI=${jti}`] }),
      ...Object.fromEntries(extra.filter(([, values]) => values.length > 0)),
    };
  }

  #expectRequired(claims: Claims): void {
    for (const { claim, requiredValue } of this.#settings.claimValidationRules) {
      if (claim === "") continue;
      if (!Object.hasOwn(claims, claim))
        throw new TokenProblem(`oidc: required claim ${claim} not present in ID token`);
      const value = textIn(claims, claim, (why) => `parse claim ${claim}: ${why}`);
      if (value !== requiredValue)
        throw new TokenProblem(
          `oidc: required claim ${claim} value does not match. Got = ${value}, want = ${requiredValue}`,
        );
    }
  }

  /** With the groups, where the token only says who tells them (OpenID Connect Core, section 5.6.2). */
  async #expanded(claims: Claims): Promise<Claims> {
    const { claim } = this.#settings.claimMappings.groups;
    const { _claim_names: names, _claim_sources: sources } = claims;
    if (claim === "" || Object.hasOwn(claims, claim) || !isObject(names)) return claims;
    if (!isObject(sources)) throw new TokenProblem("oidc: no claim sources");
    const source = names[claim];
    if (typeof source !== "string") return claims;
    const place = sources[source];
    if (!isObject(place))
      throw new TokenProblem(`id token _claim_names contained a source ${source} missing in _claims_sources`);
    const { endpoint, access_token: credential } = place;
    if (typeof endpoint !== "string" || endpoint === "") return claims;
    const token = await this.#claimToken(endpoint, typeof credential === "string" ? credential : "", claim);
    const told = await this.#others(token);
    if (!Object.hasOwn(told, claim))
      throw new TokenProblem(
        `jwt returned by distributed claim endpoint ${goQuote(endpoint)} did not contain claim: ${claim}`,
      );
    return { ...claims, [claim]: told[claim] };
  }

  async #claimToken(endpoint: string, credential: string, claim: string): Promise<string> {
    try {
      const headers = credential === "" ? {} : { authorization: `Bearer ${credential}` };
      const { status, body } = await this.#client.get(endpoint, headers);
      if (status < 200 || status > 226) throw new Error(`error while getting distributed claim JWT: ${status}`);
      return body.toString();
    } catch (error) {
      throw new TokenProblem(`while getting distributed claim ${goQuote(claim)}: ${messageOf(error)}`);
    }
  }

  async #others(token: string): Promise<Claims> {
    const issuer = issuerOf(token);
    let keys = this.#othersKeys.get(issuer);
    if (keys === undefined) {
      keys = new IssuerKeys(issuer, "", { ...this.#deps, client: this.#client });
      this.#othersKeys.set(issuer, keys);
    }
    if (keys.problem !== undefined)
      throw new TokenProblem(
        `verifying untrusted issuer ${issuer} failed: verifier not initialized for issuer: ${goQuote(issuer)}`,
      );
    try {
      return await verifiedClaims(token, keys, { ...this.#rules, issuer }, this.#clock);
    } catch (error) {
      throw new TokenProblem(`verify distributed claim token: ${messageOf(error)}`);
    }
  }
}

async function about<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new TokenProblem(`oidc: ${what}: ${messageOf(error)}`);
  }
}

function mapped(what: string, why: string): TokenProblem {
  return new TokenProblem(`oidc: error evaluating ${what}: ${why}`);
}

/** @throws {TokenProblem} when there is no value. */
function evaluated(program: CelProgram, subject: object, what: string): unknown {
  try {
    return evaluateAbout(program, subject);
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    throw mapped(what, `expression '${program.source}' resulted in error: ${error.message}`);
  }
}

/** Those that are not empty. @throws {TokenProblem} */
function listed(value: unknown, what: string): readonly string[] {
  const values = value === null ? [] : Array.isArray(value) ? value : [value];
  if (value instanceof CelOptional || !values.every((one) => typeof one === "string"))
    throw mapped(what, "expression must return a string or a list of strings");
  return values.filter((one) => one !== "");
}

function expectRules(rules: readonly Rule[], subject: object, what: string): void {
  const values = rules.map((rule) => ({ ...rule, value: evaluated(rule.program, subject, what) }));
  for (const { program, message, value } of values) {
    if (typeof value !== "boolean") throw mapped(what, "validation expression must return a boolean");
    if (!value) throw mapped(what, `validation expression '${program.source}' failed: ${message}`);
  }
}

/** @throws {TokenProblem} unless it is there, and text. */
function textIn(claims: Claims, claim: string, problem: (why: string) => string): string {
  if (!Object.hasOwn(claims, claim)) throw new TokenProblem(`oidc: ${problem("claim not present")}`);
  const value = claims[claim];
  if (value === null) return "";
  if (typeof value !== "string") throw new TokenProblem(`oidc: ${problem(notDecoded(value, "value of type string"))}`);
  return value;
}

function isObject(value: unknown): value is Claims {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
