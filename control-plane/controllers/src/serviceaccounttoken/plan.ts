import type { Secret, ServiceAccount } from "@tsukube/api/types/core-v1";

const TOKEN_TYPE = "kubernetes.io/service-account-token";
const NAME = "kubernetes.io/service-account.name";
const UID = "kubernetes.io/service-account.uid";

/** The name of the ServiceAccount that the Secret is to hold a token of; undefined for other Secrets. */
export function accountNameOf({ type, metadata }: Secret): string | undefined {
  const name = metadata?.annotations?.[NAME] ?? "";
  return type === TOKEN_TYPE && name !== "" ? name : undefined;
}

/** What has to be done about a Secret for a token. */
export type TokenPlan =
  | { readonly type: "nothing" }
  /** Its account is gone, or another one of the name. */
  | { readonly type: "delete" }
  /** `secret` is how it should be; its token is still to be made when `needsToken`. */
  | { readonly type: "fill"; readonly secret: Secret; readonly needsToken: boolean };

/** Pure. @param ca PEM of the cluster's authority. */
export function plan(secret: Secret, account: ServiceAccount | undefined, ca: string): TokenPlan {
  const { namespace = "", annotations, deletionTimestamp } = secret.metadata ?? {};
  if (deletionTimestamp !== undefined) return { type: "nothing" };
  const uid = account?.metadata?.uid ?? "";
  const known = annotations?.[UID] ?? "";
  if (account === undefined || (known !== "" && known !== uid)) return { type: "delete" };
  const wanted = { namespace: base64(namespace), "ca.crt": base64(ca) };
  const needsToken = (secret.data?.["token"] ?? "") === "";
  const isRight = Object.entries(wanted).every(([name, value]) => secret.data?.[name] === value) && known === uid;
  if (isRight && !needsToken) return { type: "nothing" };
  const filled: Secret = {
    ...secret,
    apiVersion: "v1",
    kind: "Secret",
    metadata: { ...secret.metadata, annotations: { ...annotations, [UID]: uid } },
    data: { ...secret.data, ...wanted },
  };
  return { type: "fill", secret: filled, needsToken };
}

export function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
