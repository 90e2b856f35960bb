import type { Secret } from "@tsukube/api/types/core-v1";

const TYPE = "bootstrap.kubernetes.io/token";

/** Pure: in how many ms the bootstrap token ends, at most 0: it has, or nobody can tell when. Undefined: none, or it never ends. */
export function endsIn({ type, data }: Secret, now: number): number | undefined {
  const expiration = data?.["expiration"];
  if (type !== TYPE || expiration === undefined || expiration === "") return undefined;
  const end = Date.parse(Buffer.from(expiration, "base64").toString("utf8"));
  return Number.isNaN(end) ? 0 : end - now;
}
