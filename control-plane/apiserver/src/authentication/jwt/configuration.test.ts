import { expect, test } from "vitest";
import { parseAuthentication } from "./configuration.ts";

const ISSUER = { url: "https://issuer.example", audiences: ["a"] };
const USERNAME = { username: { claim: "sub", prefix: "" } };

function refusal(configuration: object): string {
  const text = JSON.stringify({
    kind: "AuthenticationConfiguration",
    apiVersion: "apiserver.config.k8s.io/v1beta1",
    ...configuration,
  });
  try {
    parseAuthentication(text, ["https://own.example"]);
    return "";
  } catch (error) {
    return (error as Error).message.replace("invalid authentication configuration: ", "");
  }
}

const jwt = (part: object): object => ({ jwt: [{ issuer: ISSUER, claimMappings: USERNAME, ...part }] });
const verified =
  "claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression";

test.each<readonly [object, string]>([
  [jwt({}), ""],
  [{}, ""],
  [jwt({ issuer: { ...ISSUER, url: "" } }), "jwt[0].issuer.url: Required value"],
  [
    jwt({ issuer: { ...ISSUER, url: "http://x" } }),
    'jwt[0].issuer.url: Invalid value: "http://x": URL scheme must be https',
  ],
  [
    jwt({ issuer: { ...ISSUER, url: "https://own.example" } }),
    'jwt[0].issuer.url: Invalid value: "https://own.example": URL must not overlap with disallowed issuers: [https://own.example]',
  ],
  [
    jwt({ issuer: { ...ISSUER, audiences: [] } }),
    "jwt[0].issuer.audiences: Required value: at least one jwt[0].issuer.audiences is required",
  ],
  [
    jwt({ issuer: { ...ISSUER, audiences: ["a", "b"] } }),
    'jwt[0].issuer.audienceMatchPolicy: Invalid value: "": audienceMatchPolicy must be MatchAny for multiple audiences',
  ],
  [
    jwt({ issuer: { ...ISSUER, discoveryURL: "https://issuer.example/" } }),
    'jwt[0].issuer.discoveryURL: Invalid value: "https://issuer.example/": discoveryURL must be different from URL',
  ],
  [
    jwt({ issuer: { ...ISSUER, certificateAuthority: "x" } }),
    'jwt[0].issuer.certificateAuthority: Invalid value: "<omitted>": data does not contain any valid RSA or ECDSA certificates',
  ],
  [jwt({ claimMappings: {} }), "jwt[0].claimMappings.username: Required value: claim or expression is required"],
  [
    jwt({ claimMappings: { username: { claim: "sub" } } }),
    "jwt[0].claimMappings.username.prefix: Required value: prefix is required when claim is set. It can be set to an empty string to disable prefixing",
  ],
  [
    jwt({ claimMappings: { username: { expression: "claims.email" } } }),
    `jwt[0].claimMappings.username.expression: Invalid value: "claims.email": ${verified}`,
  ],
  [
    jwt({
      claimMappings: { username: { expression: "claims.email" } },
      claimValidationRules: [{ expression: "claims.?email_verified.orValue(true) == true" }],
    }),
    "",
  ],
  [
    jwt({ claimMappings: { ...USERNAME, extra: [{ key: "kubernetes.io/x", valueExpression: "claims.x" }] } }),
    'jwt[0].claimMappings.extra[0].key: Invalid value: "kubernetes.io/x": k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use',
  ],
  [
    jwt({ claimValidationRules: [{ expression: "claims.x" }] }),
    'jwt[0].claimValidationRules[0].expression: Invalid value: "claims.x": must evaluate to bool',
  ],
  [
    jwt({
      claimValidationRules: [
        { expression: 'sets.equivalent(claims.aud, ["a"])' },
        { expression: 'sets.contains(claims.aud, ["a"]) || sets.intersects(claims.aud, ["a"])' },
        { expression: "ip(claims.from).isLoopback()" },
      ],
    }),
    "",
  ],
  [jwt({ userValidationRules: [{ expression: "" }] }), "jwt[0].userValidationRules[0].expression: Required value"],
  [
    {
      jwt: [
        { issuer: ISSUER, claimMappings: USERNAME },
        { issuer: ISSUER, claimMappings: USERNAME },
      ],
    },
    'jwt[1].issuer.url: Duplicate value: "https://issuer.example"',
  ],
  [
    jwt({ issuers: {} }),
    "Cannot use the AuthenticationConfiguration: jwt[0].issuers: unknown, expected one of issuer, claimValidationRules, claimMappings, userValidationRules",
  ],
])("%j is refused with %s", (configuration, why) => {
  expect(refusal(configuration)).toBe(why);
});
