import { readFileSync } from "node:fs";
import { messageOf, TsukubeError } from "@tsukube/foundation";
import { expectNoErrors } from "../configuration/read-configuration.ts";
import { type AuthenticationConfiguration, parseAuthentication } from "./jwt/configuration.ts";
import { authenticationErrors } from "./jwt/validation.ts";
import { SIGNING_ALGORITHMS } from "./token-key.ts";

/** Of this cluster's tokens, where nothing else is said. */
export const OWN_ISSUER = "https://kubernetes.default.svc.cluster.local";

/** One issuer, as of kube-apiserver's --oidc-* flags. */
export interface OidcFlags {
  readonly issuerUrl: string;
  readonly clientId: string;
  readonly caFile?: string;
  /** "sub" without it. */
  readonly usernameClaim?: string;
  /** "-": none; without it the issuer's URL, except before "email". */
  readonly usernamePrefix?: string;
  readonly groupsClaim?: string;
  readonly groupsPrefix?: string;
  /** RS256 without any. */
  readonly signingAlgs?: readonly string[];
  /** "claim=value". */
  readonly requiredClaims?: readonly string[];
}

/** Whose tokens are believed, besides this cluster's. */
export interface AuthenticationOptions {
  /** Of an AuthenticationConfiguration, which is read again when it changes. */
  readonly file?: string;
  /** In place of that. */
  readonly oidc?: OidcFlags;
}

export interface ReadAuthentication {
  readonly configuration: AuthenticationConfiguration;
  readonly algorithms: readonly string[];
  /** Of the file. */
  readonly text?: string;
}

/** @param ownIssuers Of this cluster's tokens. @throws {TsukubeError} `usage`, naming the file and every mistake. */
export function readAuthentication(
  { file, oidc }: AuthenticationOptions,
  ownIssuers: readonly string[] = [OWN_ISSUER],
): ReadAuthentication {
  if (file !== undefined && oidc !== undefined)
    throw new TsukubeError("usage", "authentication-config file and oidc-* flags are mutually exclusive");
  if (file === undefined)
    return oidc === undefined
      ? { configuration: { jwt: [], anonymous: undefined }, algorithms: [] }
      : ofFlags(oidc, ownIssuers);
  try {
    const text = readFileSync(file, "utf8");
    return { configuration: parseAuthentication(text, ownIssuers), algorithms: SIGNING_ALGORITHMS, text };
  } catch (error) {
    throw new TsukubeError(
      "usage",
      `failed to load authentication configuration from file "${file}": ${messageOf(error)}`,
    );
  }
}

function ofFlags(flags: OidcFlags, ownIssuers: readonly string[]): ReadAuthentication {
  const {
    issuerUrl,
    clientId,
    usernameClaim = "sub",
    usernamePrefix = "",
    groupsClaim = "",
    groupsPrefix = "",
  } = flags;
  if (issuerUrl === "" || clientId === "")
    throw new TsukubeError(
      "usage",
      "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set",
    );
  const algorithms = flags.signingAlgs?.length ? flags.signingAlgs : ["RS256"];
  const wrong = algorithms.find((alg) => !SIGNING_ALGORITHMS.includes(alg));
  if (wrong !== undefined) throw new TsukubeError("usage", `oidc: unsupported signing alg: "${wrong}"`);
  const ofIssuer = usernameClaim === "email" ? "" : `${issuerUrl}#`;
  const configuration: AuthenticationConfiguration = {
    jwt: [
      {
        issuer: {
          ...{
            url: issuerUrl,
            discoveryURL: "",
            audiences: [clientId],
            audienceMatchPolicy: "",
            egressSelectorType: "",
          },
          certificateAuthority: flags.caFile === undefined ? "" : readFileSync(flags.caFile, "utf8"),
        },
        claimValidationRules: (flags.requiredClaims ?? []).map(ruleOf),
        claimMappings: {
          username: {
            claim: usernameClaim,
            expression: "",
            prefix: usernamePrefix === "-" ? "" : usernamePrefix || ofIssuer,
          },
          groups: { claim: groupsClaim, expression: "", prefix: groupsClaim === "" ? undefined : groupsPrefix },
          uid: { claim: "", expression: "" },
          extra: [],
        },
        userValidationRules: [],
      },
    ],
    anonymous: undefined,
  };
  expectNoErrors("authentication", authenticationErrors(configuration, ownIssuers));
  return { configuration, algorithms };
}

function ruleOf(pair: string): AuthenticationConfiguration["jwt"][number]["claimValidationRules"][number] {
  const [, claim, requiredValue] = /^([^=]+)=(.*)$/s.exec(pair.trim()) ?? [];
  if (claim === undefined || requiredValue === undefined)
    throw new TsukubeError("usage", `malformed pair, expect string=string, got "${pair}"`);
  return { claim: claim.trim(), requiredValue: requiredValue.trim(), expression: "", message: "" };
}
