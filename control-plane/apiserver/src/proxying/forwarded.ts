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

/** Without what belongs to the connection or to the caller's own credentials. */
export function forwarded(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [header, value] of Object.entries(headers)) {
    const name = header.toLowerCase();
    if (value === undefined || HOP_BY_HOP.has(name) || name.startsWith(":") || name.startsWith("impersonate-"))
      continue;
    out[header] = typeof value === "string" ? value : value.join(", ");
  }
  return out;
}
