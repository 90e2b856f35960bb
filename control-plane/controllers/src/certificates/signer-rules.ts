import type { RequestedNames } from "./signer.ts";

const CLIENT = "kubernetes.io/kube-apiserver-client";
export const KUBELET_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet";
const KUBELET_SERVING = "kubernetes.io/kubelet-serving";
const LEGACY = "kubernetes.io/legacy-unknown";
export const SIGNERS: readonly string[] = [CLIENT, KUBELET_CLIENT, KUBELET_SERVING, LEGACY];

const NODES = "system:nodes";
const NODE = "system:node:";
const OPTIONAL = ["digital signature", "key encipherment"];

/** Pure: why the signer does not sign the request, in upstream's words; undefined when it does. */
export function whyUnfit(signer: string, asked: RequestedNames, usages: readonly string[]): string | undefined {
  switch (signer) {
    case CLIENT:
      return whyNoClient(usages);
    case KUBELET_CLIENT:
      return whyNoKubeletClient(asked, usages);
    case KUBELET_SERVING:
      return whyNoKubeletServer(asked, usages);
    case LEGACY:
      return undefined;
    default:
      return `unrecognized signerName: "${signer}"`;
  }
}

function whyNoClient(usages: readonly string[]): string | undefined {
  const wrong = usages.find((usage) => usage !== "client auth" && !OPTIONAL.includes(usage));
  if (wrong !== undefined) return `invalid usage for client certificate: ${wrong}`;
  return usages.includes("client auth") ? undefined : "missing required usage for client certificate: client auth";
}

function whyNoKubeletClient(asked: RequestedNames, usages: readonly string[]): string | undefined {
  if (!isOfNodes(asked)) return "subject organization is not system:nodes";
  if (asked.dnsNames.length > 0) return "DNS subjectAltNames are not allowed";
  if (asked.emailAddresses.length > 0) return "Email subjectAltNames are not allowed";
  if (asked.ipAddresses.length > 0) return "IP subjectAltNames are not allowed";
  if (asked.uris.length > 0) return "URI subjectAltNames are not allowed";
  return whyNotNode(asked) ?? whyOtherUsages(usages, "client auth");
}

function whyNoKubeletServer(asked: RequestedNames, usages: readonly string[]): string | undefined {
  if (!isOfNodes(asked)) return "subject organization is not system:nodes";
  if (asked.dnsNames.length + asked.ipAddresses.length === 0) return "DNS or IP subjectAltName is required";
  if (asked.emailAddresses.length > 0) return "Email subjectAltNames are not allowed";
  if (asked.uris.length > 0) return "URI subjectAltNames are not allowed";
  return whyOtherUsages(usages, "server auth") ?? whyNotNode(asked);
}

function isOfNodes({ organizations }: RequestedNames): boolean {
  return organizations.length === 1 && organizations[0] === NODES;
}

function whyNotNode({ commonName }: RequestedNames): string | undefined {
  return commonName.startsWith(NODE) ? undefined : "subject common name does not begin with system:node:";
}

/** Just these, with or without "key encipherment", which keys other than RSA cannot do. */
function whyOtherUsages(usages: readonly string[], purpose: string): string | undefined {
  const wanted = [purpose, "digital signature", "key encipherment"];
  const isKnown = usages.every((usage) => wanted.includes(usage));
  const isWhole = [purpose, "digital signature"].every((usage) => usages.includes(usage));
  return isKnown && isWhole ? undefined : `usages did not match [${wanted.sort().join(" ")}]`;
}
