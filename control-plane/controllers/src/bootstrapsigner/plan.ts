import { createHmac } from "node:crypto";
import type { ConfigMap, Secret } from "@tsukube/api/types/core-v1";

const TYPE = "bootstrap.kubernetes.io/token";
const PREFIX = "jws-kubeconfig-";

/** A token that signs: whoever holds it can tell that the ConfigMap is genuine. */
interface SigningToken {
  readonly id: string;
  readonly secret: string;
}

/** Pure: the data of the ConfigMap with one signature for each token that signs, and none of others. */
export function signed(
  data: ConfigMap["data"],
  secrets: readonly Secret[],
  now: number,
): NonNullable<ConfigMap["data"]> {
  const content = data?.["kubeconfig"];
  const kept = Object.fromEntries(Object.entries(data ?? {}).filter(([name]) => !name.startsWith(PREFIX)));
  if (content === undefined) return kept;
  const tokens = secrets.flatMap((secret) => signingToken(secret, now) ?? []);
  return { ...kept, ...Object.fromEntries(tokens.map((token) => [PREFIX + token.id, signature(content, token)])) };
}

function signingToken({ metadata, type, data }: Secret, now: number): SigningToken | undefined {
  const field = (name: string): string => Buffer.from(data?.[name] ?? "", "base64").toString("utf8");
  const [id, secret, expiration] = [field("token-id"), field("token-secret"), field("expiration")];
  if (type !== TYPE || metadata?.name !== `bootstrap-token-${id}` || secret === "") return undefined;
  if (field("usage-bootstrap-signing") !== "true") return undefined;
  return expiration !== "" && !(Date.parse(expiration) > now) ? undefined : { id, secret };
}

/** A JSON Web Signature without its content (RFC 7515, appendix F). */
function signature(content: string, { id, secret }: SigningToken): string {
  const header = Buffer.from(JSON.stringify({ alg: "HS256", kid: id })).toString("base64url");
  const payload = Buffer.from(content).toString("base64url");
  const mac = createHmac("sha256", secret).update(`${header}.${payload}`).digest("base64url");
  return `${header}..${mac}`;
}
