import { X509Certificate } from "node:crypto";
import {
  CelCompileError,
  type CelProgram,
  domainPrefixedPath,
  type FieldError,
  fieldError,
  goQuote,
} from "@tsukube/api";
import { messageOf } from "@tsukube/foundation";
import type {
  AuthenticationConfiguration,
  ClaimOrExpression,
  ClaimRule,
  Issuer,
  JwtSettings,
  PrefixedClaimOrExpression,
} from "./configuration.ts";
import { compileAbout, looksAtClaim, type Subject } from "./expressions.ts";

const MOST_ISSUERS = 64;

/** Pure: what is wrong with a configuration, at upstream's paths and in its words. */
export function authenticationErrors(
  { jwt, anonymous }: AuthenticationConfiguration,
  ownIssuers: readonly string[],
): readonly FieldError[] {
  if (jwt.length > MOST_ISSUERS) return [fieldError.tooMany("jwt", jwt.length, MOST_ISSUERS)];
  const errors: FieldError[] = [];
  const [urls, discoveryUrls] = [new Set<string>(), new Set<string>()];
  for (const [index, settings] of jwt.entries()) {
    const path = `jwt[${index}]`;
    errors.push(...settingsErrors(settings, ownIssuers, path));
    const { url, discoveryURL } = settings.issuer;
    if (urls.has(url)) errors.push(fieldError.duplicate(`${path}.issuer.url`, url));
    urls.add(url);
    if (discoveryUrls.has(discoveryURL)) errors.push(fieldError.duplicate(`${path}.issuer.discoveryURL`, discoveryURL));
    if (discoveryURL !== "") discoveryUrls.add(discoveryURL);
  }
  if (anonymous?.enabled === false && anonymous.conditions.length > 0) {
    const why = "enabled should be set to true when conditions are defined";
    errors.push(fieldError.invalid("anonymous.conditions", anonymous.conditions, why));
  }
  return errors;
}

function settingsErrors(settings: JwtSettings, ownIssuers: readonly string[], path: string): readonly FieldError[] {
  const checked = new Validation();
  checked.issuer(settings.issuer, ownIssuers, `${path}.issuer`);
  checked.claimRules(settings.claimValidationRules, `${path}.claimValidationRules`);
  checked.mappings(settings.claimMappings, `${path}.claimMappings`);
  checked.userRules(settings.userValidationRules, `${path}.userValidationRules`);
  return checked.errors;
}

class Validation {
  readonly errors: FieldError[] = [];
  #looksAtEmail = false;
  #looksAtVerified = false;

  issuer(issuer: Issuer, ownIssuers: readonly string[], path: string): void {
    const { url, discoveryURL, certificateAuthority, egressSelectorType } = issuer;
    if (url === "") this.#required(`${path}.url`);
    else this.#url(url, ownIssuers, `${path}.url`);
    if (discoveryURL !== "") {
      const at = `${path}.discoveryURL`;
      const bare = (one: string): string => one.replace(/\/+$/, "");
      if (url !== "" && bare(url) === bare(discoveryURL))
        this.#invalid(at, discoveryURL, "discoveryURL must be different from URL");
      this.#url(discoveryURL, [], at);
    }
    this.#audiences(issuer, path);
    if (certificateAuthority !== "" && !isPem(certificateAuthority))
      this.#invalid(
        `${path}.certificateAuthority`,
        "<omitted>",
        "data does not contain any valid RSA or ECDSA certificates",
      );
    if (!["", "controlplane", "cluster"].includes(egressSelectorType)) {
      const why = "egress selector must be either controlplane or cluster";
      this.#invalid(`${path}.egressSelectorType`, egressSelectorType, why);
    }
  }

  #url(text: string, disallowed: readonly string[], path: string): void {
    if (disallowed.includes(text))
      this.#invalid(path, text, `URL must not overlap with disallowed issuers: [${disallowed.toSorted().join(" ")}]`);
    const [, scheme = "", rest = ""] = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(.*)$/s.exec(text) ?? [];
    if (rest.startsWith("//") && !URL.canParse(`https:${rest}`) && rest !== "//")
      return void this.#invalid(path, text, `parse ${goQuote(text)}: invalid URL`);
    if (scheme.toLowerCase() !== "https") this.#invalid(path, text, "URL scheme must be https");
    if (/^\/\/[^/?#]*@/.test(rest)) this.#invalid(path, text, "URL must not contain a username or password");
    if (/^[^#]*\?[^#]/.test(rest)) this.#invalid(path, text, "URL must not contain a query");
    if (/#./.test(rest)) this.#invalid(path, text, "URL must not contain a fragment");
  }

  #audiences({ audiences, audienceMatchPolicy: policy }: Issuer, path: string): void {
    const at = `${path}.audiences`;
    if (audiences.length === 0) return void this.#required(at, `at least one ${at} is required`);
    for (const [index, audience] of audiences.entries()) {
      if (audience === "") this.#required(`${at}[${index}]`);
      if (audiences.indexOf(audience) < index) this.errors.push(fieldError.duplicate(`${at}[${index}]`, audience));
    }
    const policyPath = `${path}.audienceMatchPolicy`;
    if (policy === "MatchAny") return;
    if (audiences.length > 1)
      this.#invalid(policyPath, policy, "audienceMatchPolicy must be MatchAny for multiple audiences");
    else if (policy !== "")
      this.#invalid(policyPath, policy, "audienceMatchPolicy must be empty or MatchAny for single audience");
  }

  claimRules(rules: readonly ClaimRule[], path: string): void {
    const [claims, expressions] = [new Set<string>(), new Set<string>()];
    for (const [index, { claim, requiredValue, expression, message }] of rules.entries()) {
      const at = `${path}[${index}]`;
      if (claim !== "" && expression !== "") this.#invalid(at, claim, "claim and expression can't both be set");
      else if (claim !== "") {
        if (message !== "") this.#invalid(`${at}.message`, message, "may not be specified when claim is set");
        if (claims.has(claim)) this.errors.push(fieldError.duplicate(`${at}.claim`, claim));
        claims.add(claim);
      } else if (expression !== "") {
        if (requiredValue !== "")
          this.#invalid(`${at}.requiredValue`, requiredValue, "may not be specified when expression is set");
        this.#looksAt(this.#rule("claims", expression, `${at}.expression`, expressions));
      } else this.#required(at, "claim or expression is required");
    }
  }

  userRules(rules: JwtSettings["userValidationRules"], path: string): void {
    const expressions = new Set<string>();
    for (const [index, { expression }] of rules.entries()) {
      const at = `${path}[${index}].expression`;
      if (expression === "") this.#required(at);
      else this.#rule("user", expression, at, expressions);
    }
  }

  mappings({ username, groups, uid, extra }: JwtSettings["claimMappings"], path: string): void {
    const named = this.#mapping(username, `${path}.username`, true);
    if (named !== undefined) {
      this.#looksAtEmail = looksAtClaim(named.expression, "email");
      this.#looksAt(named);
    }
    this.#mapping(groups, `${path}.groups`, false);
    this.#uid(uid, `${path}.uid`);
    const keys = new Set<string>();
    for (const [index, { key, valueExpression }] of extra.entries()) {
      const at = `${path}.extra[${index}]`;
      this.#extraKey(key, `${at}.key`);
      if (keys.has(key)) {
        this.errors.push(fieldError.duplicate(`${at}.key`, key));
        continue;
      }
      keys.add(key);
      if (valueExpression === "") this.#required(`${at}.valueExpression`);
      else this.#looksAt(this.#compiled("claims", valueExpression, `${at}.valueExpression`));
    }
    if (this.#looksAtEmail && !this.#looksAtVerified)
      this.#invalid(`${path}.username.expression`, username.expression, UNVERIFIED);
  }

  #mapping(
    { claim, expression, prefix }: PrefixedClaimOrExpression,
    path: string,
    isNeeded: boolean,
  ): CelProgram | undefined {
    if (claim !== "" && expression !== "") this.#invalid(path, "", "claim and expression can't both be set");
    else if (expression !== "") {
      if (prefix !== undefined) this.#invalid(`${path}.prefix`, prefix, "may not be specified when expression is set");
      const compiled = this.#compiled("claims", expression, `${path}.expression`);
      return prefix === undefined ? compiled : undefined;
    } else if (claim !== "") {
      const why = "prefix is required when claim is set. It can be set to an empty string to disable prefixing";
      if (prefix === undefined) this.#required(`${path}.prefix`, why);
    } else if (isNeeded) this.#required(path, "claim or expression is required");
    return undefined;
  }

  #uid({ claim, expression }: ClaimOrExpression, path: string): void {
    if (claim !== "" && expression !== "") this.#invalid(path, "", "claim and expression can't both be set");
    else if (expression !== "") this.#compiled("claims", expression, `${path}.expression`);
  }

  #extraKey(key: string, path: string): void {
    domainPrefixedPath(key, path, this.errors);
    if (key !== key.toLowerCase()) this.#invalid(path, key, "must be lowercase");
    if (/^(?:[^/]*\.)?(?:kubernetes|k8s)\.io\//.test(key))
      this.#invalid(path, key, "k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use");
  }

  /** One that is there once, and whose value is true or false. */
  #rule(subject: Subject, source: string, path: string, known: Set<string>): CelProgram | undefined {
    if (known.has(source)) {
      this.errors.push(fieldError.duplicate(path, source));
      return undefined;
    }
    known.add(source);
    const compiled = this.#compiled(subject, source, path);
    if (compiled === undefined || compiled.type.name === "bool") return compiled;
    this.#invalid(path, source, "must evaluate to bool");
    return undefined;
  }

  #compiled(subject: Subject, source: string, path: string): CelProgram | undefined {
    try {
      return compileAbout(subject, source);
    } catch (error) {
      if (!(error instanceof CelCompileError)) throw error;
      this.#invalid(path, source, `compilation failed: ${messageOf(error)}`);
      return undefined;
    }
  }

  #looksAt(program: CelProgram | undefined): void {
    if (program !== undefined && looksAtClaim(program.expression, "email_verified")) this.#looksAtVerified = true;
  }

  #invalid(path: string, value: unknown, why: string): void {
    this.errors.push(fieldError.invalid(path, value, why));
  }

  #required(path: string, why = ""): void {
    this.errors.push(fieldError.required(path, why));
  }
}

const UNVERIFIED =
  "claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression";

function isPem(text: string): boolean {
  try {
    return new X509Certificate(text).raw.length > 0;
  } catch {
    return false;
  }
}
