import { factsText } from "../facts.ts";

/** Where Go packages of types that are not in k8s.io/api stand, as definition names show it. */
const PACKAGES: Readonly<Record<string, string>> = {
  meta: "io.k8s.apimachinery.pkg.apis.meta",
  apiextensions: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
  apiregistration: "io.k8s.kube-aggregator.pkg.apis.apiregistration",
  metrics: "io.k8s.metrics.pkg.apis.metrics",
};

/** "core/v1.Pod" is "io.k8s.api.core.v1.Pod". */
export function definitionName(typeName: string): string {
  const slash = typeName.indexOf("/");
  if (slash < 0) return `io.k8s.apimachinery.pkg.${typeName}`;
  const directory = typeName.slice(0, slash);
  return `${PACKAGES[directory] ?? `io.k8s.api.${directory}`}.${typeName.slice(slash + 1)}`;
}

/** "stable.example.com", "v1", "CronTab" is "com.example.stable.v1.CronTab". */
export function customDefinitionName(group: string, version: string, kind: string): string {
  return [...group.split(".").reverse(), version, kind].join(".");
}

/** The level of Kubernetes that the facts describe, such as "v1.37.2". */
export function kubernetesVersion(): string {
  return /"version":"([^"]+)"/.exec(factsText("kinds.json").slice(0, 100))?.[1] ?? "";
}

/** "rbac.authorization.k8s.io" is "RbacAuthorization" in operation ids, "rbacAuthorization" in tags; "" is core. */
export function groupName(group: string, capital: boolean): string {
  const words = (group === "" ? "core" : group.replace(/\.k8s\.io$/, "")).split(/[.-]/);
  const joined = words.map(capitalized).join("");
  return capital ? joined : joined.charAt(0).toLowerCase() + joined.slice(1);
}

export function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
