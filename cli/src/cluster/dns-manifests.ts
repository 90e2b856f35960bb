/** Upstream's labels for what `kubectl cluster-info` lists. */
const SHOWN_BY_CLUSTER_INFO = { "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "KubeDNS" };

/** Cluster DNS in kube-system under upstream's names, so that what looks for kube-dns finds it. */
export function dnsManifests(dnsIp: string, bundle: string): readonly object[] {
  const metadata = {
    namespace: "kube-system",
    labels: { "k8s-app": "kube-dns", "app.kubernetes.io/managed-by": "tsukube" },
  };
  const probe = { httpGet: { path: "/", port: 8181 }, periodSeconds: 10 };
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { ...metadata, name: "tsukube-dns" } },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { ...metadata, name: "kube-dns" },
      spec: {
        replicas: 1,
        strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0 } },
        selector: { matchLabels: { "k8s-app": "kube-dns" } },
        template: {
          metadata: { labels: { "k8s-app": "kube-dns" } },
          spec: {
            priorityClassName: "system-cluster-critical",
            serviceAccountName: "tsukube-dns",
            dnsPolicy: "Default",
            tolerations: [{ operator: "Exists" }],
            containers: [
              {
                name: "dns",
                image: `tsukube.local/system:${bundle}`,
                imagePullPolicy: "Never",
                command: ["node", "--max-semi-space-size=1", "/tsukube/dns.js", "--zone", "cluster.local"],
                ports: [
                  { name: "dns", containerPort: 53, protocol: "UDP" },
                  { name: "dns-tcp", containerPort: 53, protocol: "TCP" },
                ],
                readinessProbe: { ...probe, periodSeconds: 5, failureThreshold: 1 },
                livenessProbe: { ...probe, initialDelaySeconds: 30 },
                resources: { requests: { cpu: "20m", memory: "40Mi" }, limits: { memory: "170Mi" } },
                securityContext: {
                  allowPrivilegeEscalation: false,
                  readOnlyRootFilesystem: true,
                  capabilities: { add: ["NET_BIND_SERVICE"], drop: ["ALL"] },
                },
              },
            ],
          },
        },
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { ...metadata, name: "kube-dns", labels: { ...metadata.labels, ...SHOWN_BY_CLUSTER_INFO } },
      spec: {
        clusterIP: dnsIp,
        selector: { "k8s-app": "kube-dns" },
        ports: [
          { name: "dns", port: 53, protocol: "UDP", targetPort: "dns" },
          { name: "dns-tcp", port: 53, protocol: "TCP", targetPort: "dns-tcp" },
        ],
      },
    },
  ];
}
