import { type FieldReader, within } from "../../configuration/field-reader.ts";
import { expectNoErrors, readConfiguration } from "../../configuration/read-configuration.ts";
import { authenticationErrors } from "./validation.ts";

/** A claim, or what an expression makes of all; "" where it is not given. */
export interface ClaimOrExpression {
  readonly claim: string;
  readonly expression: string;
}

export interface PrefixedClaimOrExpression extends ClaimOrExpression {
  readonly prefix: string | undefined;
}

/** What must hold: the value of one claim, or an expression. */
export interface ClaimRule extends ClaimOrExpression {
  readonly requiredValue: string;
  readonly message: string;
}

export interface Issuer {
  readonly url: string;
  readonly discoveryURL: string;
  /** PEM; "": whoever the machine believes. */
  readonly certificateAuthority: string;
  readonly audiences: readonly string[];
  readonly audienceMatchPolicy: string;
  readonly egressSelectorType: string;
}

/** Whose tokens are believed, and of whom they tell: upstream's JWTAuthenticator. */
export interface JwtSettings {
  readonly issuer: Issuer;
  readonly claimValidationRules: readonly ClaimRule[];
  readonly claimMappings: {
    readonly username: PrefixedClaimOrExpression;
    readonly groups: PrefixedClaimOrExpression;
    readonly uid: ClaimOrExpression;
    readonly extra: readonly { readonly key: string; readonly valueExpression: string }[];
  };
  readonly userValidationRules: readonly { readonly expression: string; readonly message: string }[];
}

/** Who is let in without credentials. */
export interface Anonymous {
  readonly enabled: boolean;
  /** Where: everywhere without any. */
  readonly conditions: readonly { readonly path: string }[];
}

/** Upstream's AuthenticationConfiguration. */
export interface AuthenticationConfiguration {
  readonly jwt: readonly JwtSettings[];
  readonly anonymous: Anonymous | undefined;
}

/** @param ownIssuers Of this cluster's tokens: no other issuer may be called so. @throws {TsukubeError} `usage`, naming every mistake. */
export function parseAuthentication(text: string, ownIssuers: readonly string[]): AuthenticationConfiguration {
  const kind = "AuthenticationConfiguration";
  const configuration = readConfiguration(text, kind, ["jwt", "anonymous"], (reader, { jwt, anonymous }) => ({
    jwt: reader.list("jwt", jwt, (path, one) => settingsIn(reader, path, one)),
    anonymous: anonymous === undefined ? undefined : anonymousIn(reader, anonymous),
  }));
  expectNoErrors("authentication", authenticationErrors(configuration, ownIssuers));
  return configuration;
}

/** Reads texts that may be absent. */
function textsIn<Name extends string>(
  reader: FieldReader,
  path: string,
  raw: unknown,
  names: readonly Name[],
): Readonly<Record<Name, string>> {
  const given = reader.fields(path, raw ?? {}, names);
  const read = names.map((name) => [name, reader.text(within(path, name), given[name] ?? "")]);
  return Object.fromEntries(read) as Readonly<Record<Name, string>>;
}

function settingsIn(reader: FieldReader, path: string, raw: unknown): JwtSettings {
  const known = ["issuer", "claimValidationRules", "claimMappings", "userValidationRules"];
  const { issuer, claimValidationRules, claimMappings, userValidationRules } = reader.fields(path, raw, known);
  const rules = <Name extends string>(name: string, list: unknown, names: readonly Name[]) =>
    reader.list(`${path}.${name}`, list, (at, one) => textsIn(reader, at, one, names));
  return {
    issuer: issuerIn(reader, `${path}.issuer`, issuer),
    claimValidationRules: rules("claimValidationRules", claimValidationRules, [
      ...(["claim", "requiredValue", "expression", "message"] as const),
    ]),
    claimMappings: mappingsIn(reader, `${path}.claimMappings`, claimMappings),
    userValidationRules: rules("userValidationRules", userValidationRules, ["expression", "message"] as const),
  };
}

function issuerIn(reader: FieldReader, path: string, raw: unknown): Issuer {
  const { audiences, ...rest } = reader.members(path, raw);
  const names = ["url", "discoveryURL", "certificateAuthority", "audienceMatchPolicy", "egressSelectorType"] as const;
  return {
    ...textsIn(reader, path, rest, names),
    audiences: reader.list(`${path}.audiences`, audiences, (at, one) => reader.text(at, one)),
  };
}

function mappingsIn(reader: FieldReader, path: string, raw: unknown): JwtSettings["claimMappings"] {
  const { username, groups, uid, extra } = reader.fields(path, raw ?? {}, ["username", "groups", "uid", "extra"]);
  const prefixed = (name: string, given: unknown): PrefixedClaimOrExpression => {
    const texts = textsIn(reader, `${path}.${name}`, given, ["claim", "expression", "prefix"]);
    const hasPrefix = reader.members(`${path}.${name}`, given)["prefix"] !== undefined;
    return { ...texts, prefix: hasPrefix ? texts.prefix : undefined };
  };
  return {
    username: prefixed("username", username),
    groups: prefixed("groups", groups),
    uid: textsIn(reader, `${path}.uid`, uid, ["claim", "expression"]),
    extra: reader.list(`${path}.extra`, extra, (at, one) => textsIn(reader, at, one, ["key", "valueExpression"])),
  };
}

function anonymousIn(reader: FieldReader, raw: unknown): Anonymous {
  const { enabled = false, conditions } = reader.fields("anonymous", raw, ["enabled", "conditions"]);
  if (typeof enabled !== "boolean") reader.wrong("anonymous.enabled", String(enabled), "true or false");
  return {
    enabled: enabled === true,
    conditions: reader.list("anonymous.conditions", conditions, (at, one) => textsIn(reader, at, one, ["path"])),
  };
}
