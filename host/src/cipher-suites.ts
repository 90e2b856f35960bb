import { getCiphers } from "node:tls";

/** The suites of TLS 1.3: Go's servers have them whatever is asked for. */
const MODERN = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

/**
 * OpenSSL's list of cipher suites from the names that Go's programs and IANA have for them, such as
 * TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256. @returns undefined when one is none that is here.
 */
export function cipherList(names: readonly string[]): string | undefined {
  const known = new Set(getCiphers());
  const suites = names.filter((name) => !MODERN.includes(name)).map(opensslName);
  return suites.every((suite) => known.has(suite.toLowerCase())) ? [...MODERN, ...suites].join(":") : undefined;
}

function opensslName(name: string): string {
  const [, exchange = "", cipher = ""] = /^TLS_(.+)_WITH_(.+)$/.exec(name) ?? [];
  const parts = cipher
    .replace(/^AES_(\d+)/, "AES$1")
    .replace("_CBC", "")
    .replace(/^(CHACHA20_POLY1305)_SHA256$/, "$1");
  return [exchange === "RSA" ? "" : exchange, parts]
    .filter((part) => part !== "")
    .join("-")
    .replaceAll("_", "-");
}
