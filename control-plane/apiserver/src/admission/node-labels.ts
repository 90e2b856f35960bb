type Labels = Readonly<Record<string, string>>;

/** Labels of the system that a kubelet sets on its own Node. */
const KUBELET = new Set([
  "kubernetes.io/hostname",
  "topology.kubernetes.io/zone",
  "topology.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/region",
  "beta.kubernetes.io/instance-type",
  "node.kubernetes.io/instance-type",
  "kubernetes.io/os",
  "kubernetes.io/arch",
  "beta.kubernetes.io/os",
  "beta.kubernetes.io/arch",
]);

/**
 * Labels that differ and that a node must not touch on itself, sorted: with them it could draw workloads to itself that are
 * meant for others (KEP-279).
 */
export function forbiddenLabels(next: Labels, old: Labels): readonly string[] {
  const keys = new Set([...Object.keys(next), ...Object.keys(old)]);
  return [...keys].filter((key) => next[key] !== old[key] && isForbidden(key)).sort();
}

function isForbidden(key: string): boolean {
  const at = key.indexOf("/");
  const domain = at < 0 ? "" : key.slice(0, at);
  const within = (parent: string): boolean => domain === parent || domain.endsWith(`.${parent}`);
  if (within("node-restriction.kubernetes.io")) return true;
  if (!within("kubernetes.io") && !within("k8s.io")) return false;
  return !KUBELET.has(key) && !within("kubelet.kubernetes.io") && !within("node.kubernetes.io");
}
