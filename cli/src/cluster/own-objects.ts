/**
 * Roles of Tsukube's own components, which upstream does not name: ServiceAccounts kube-system/tsukube-COMPONENT that may
 * read exactly what they need.
 */
export function ownObjects(): Readonly<Record<string, readonly object[]>> {
  const read = ["get", "list", "watch"];
  const roles: readonly (readonly [string, readonly object[]])[] = [
    [
      "dns",
      [
        { apiGroups: [""], resources: ["services", "namespaces"], verbs: read },
        { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: read },
      ],
    ],
    [
      "provisioner",
      [
        { apiGroups: [""], resources: ["persistentvolumes"], verbs: [...read, "create", "update", "delete"] },
        { apiGroups: [""], resources: ["persistentvolumeclaims"], verbs: read },
        { apiGroups: ["storage.k8s.io"], resources: ["storageclasses"], verbs: read },
        { apiGroups: [""], resources: ["events"], verbs: ["create", "patch", "update"] },
      ],
    ],
  ];
  return {
    // that of the DNS comes with its Deployment
    "v1 serviceaccounts": [{ metadata: { name: "tsukube-provisioner", namespace: "kube-system", labels: LABELS } }],
    "rbac.authorization.k8s.io/v1 clusterroles": roles.map(([component, rules]) => ({
      metadata: { name: `tsukube:${component}`, labels: LABELS },
      rules,
    })),
    "rbac.authorization.k8s.io/v1 clusterrolebindings": [
      ...roles.map(([component]) => ({
        metadata: { name: `tsukube:${component}`, labels: LABELS },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: `tsukube:${component}` },
        subjects: [{ kind: "ServiceAccount", name: `tsukube-${component}`, namespace: "kube-system" }],
      })),
      {
        // how the API server shows itself to kubelets
        metadata: { name: "tsukube:kubelet-api", labels: LABELS },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:kubelet-api-admin" },
        subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "kube-apiserver-kubelet-client" }],
      },
    ],
    "storage.k8s.io/v1 storageclasses": [
      {
        metadata: { name: "standard", annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
        provisioner: "tsukube.dev/directory",
        reclaimPolicy: "Delete",
        volumeBindingMode: "WaitForFirstConsumer",
        allowVolumeExpansion: false,
      },
    ],
  };
}

const LABELS = { "app.kubernetes.io/managed-by": "tsukube" };
