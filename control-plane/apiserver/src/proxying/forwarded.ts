import type { IncomingRequest } from "../contracts.ts";

/** Headers that belong to one connection, RFC 9110 section 7.6.1. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "host",
  "authorization",
]);

/** Without what belongs to the connection or to the caller's own credentials. Cookies, whose values have commas, stay several. */
export function forwarded(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Record<string, string | string[]> {
  const out: Record<string, string | string[]> = {};
  for (const [header, value] of Object.entries(headers)) {
    const name = header.toLowerCase();
    if (value === undefined || HOP_BY_HOP.has(name) || name.startsWith(":") || name.startsWith("impersonate-"))
      continue;
    out[header] = typeof value === "string" ? value : name === "set-cookie" ? [...value] : value.join(", ");
  }
  return out;
}

/** The addresses of who asked, the last one here. */
export function forwardedFor({ headers, remoteAddress }: Asked): Record<string, string> {
  const before = headers["x-forwarded-for"] ?? "";
  const addresses = [before, remoteAddress].filter((address) => address !== "");
  return addresses.length === 0 ? {} : { "x-forwarded-for": addresses.join(", ") };
}

type Asked = Pick<IncomingRequest, "headers" | "remoteAddress">;
