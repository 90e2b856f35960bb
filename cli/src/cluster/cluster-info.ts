/**
 * ConfigMap kube-public/cluster-info: where the cluster is and what its certificates come from, for machines that join; bootstrap
 * tokens sign it. @param ca PEM.
 */
export function clusterInfo(ca: string, server: string): object {
  const certificate = Buffer.from(ca).toString("base64");
  const kubeconfig = [
    "apiVersion: v1",
    "kind: Config",
    "clusters:",
    "- cluster:",
    `    certificate-authority-data: ${certificate}`,
    `    server: ${server}`,
    '  name: ""',
    "contexts: null",
    'current-context: ""',
    "users: null",
    "",
  ];
  return { metadata: { name: "cluster-info", namespace: "kube-public" }, data: { kubeconfig: kubeconfig.join("\n") } };
}
