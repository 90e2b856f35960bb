import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import conventions from "@tsukube/api/facts/conventions.json" with { type: "json" };
import { expect, test } from "vitest";

const ROOT = dirname(dirname(import.meta.dirname));
const NAME = /["'`]([a-z0-9.-]*\b(?:kubernetes|k8s)\.io\/[A-Za-z0-9._-]+)["'`]/g;

/** Names that sources spell, each with a file that does. */
const SPELLED = new Map(
  globSync(["{api,client}/src/**/*.ts", "{control-plane,node}/*/src/**/*.ts", "dns/src/**/*.ts"], { cwd: ROOT })
    .filter((path) => !path.endsWith(".test.ts"))
    .flatMap((path) =>
      [...readFileSync(join(ROOT, path), "utf8").matchAll(NAME)].map(([, name = ""]) => [name, path] as const),
    ),
);

/** GROUP/VERSION, GROUP/KIND and GROUP/RESOURCE of upstream's kinds. */
const OF_KINDS = new Set(
  readFileSync(join(ROOT, "api/facts/gvk.tsv"), "utf8")
    .split("\n")
    .map((line) => line.split("\t"))
    .flatMap(([group = "", version = "", kind = "", , , , resource = ""]) =>
      [version, kind, resource].map((what) => `${group}/${what}`),
    ),
);

/** Names that neither conventions nor kinds have, and what they are. */
const OTHERS: Readonly<Record<string, string>> = {
  ".deviceclass.resource.k8s.io/devices": "the end of what quotas call devices of a class",
  "apiextensions.k8s.io/v1beta1": "the version in which definitions lie in etcd",
  "apiserver.config.k8s.io/v1": "configures encryption and admission",
  "apiserver.config.k8s.io/v1alpha1": "configures webhooks of admission",
  "apiserver.k8s.io/v1alpha1": "configures admission",
  "audit.k8s.io/v1": "audit events",
  "eventratelimit.admission.k8s.io/v1alpha1": "configures a plugin of admission",
  "podtolerationrestriction.admission.k8s.io/v1alpha1": "configures a plugin of admission",
  "kubelet.config.k8s.io/v1beta1": "configures a kubelet",
  "kubeproxy.config.k8s.io/v1alpha1": "configures a proxy",
  "meta.k8s.io/__internal": "what audit events call options of",
  "kubernetes.io/kube-apiserver-serving": "the signer of a bundle, not of requests",
  "apiserver.k8s.io/unsafe-delete-ignore-read-error": "an annotation of audit events",
  "validation.policy.admission.k8s.io/validation_failure": "an annotation of audit events",
  "pod-security.kubernetes.io/audit-violations": "an annotation of audit events",
  "pod-security.kubernetes.io/exempt": "an annotation of audit events",
  "pod-security.kubernetes.io/enforce-policy": "an annotation of audit events",
  "authentication.kubernetes.io/associated-node-keys": "of who acts as a node for some requests",
  "app.kubernetes.io/created-by": "warned of",
  "node-role.kubernetes.io/master": "warned of",
  "scheduler.alpha.kubernetes.io/critical-pod": "warned of",
  "security.alpha.kubernetes.io/sysctls": "warned of",
  "security.alpha.kubernetes.io/unsafe-sysctls": "warned of",
};

test("names of Kubernetes that sources spell are its conventions or its kinds', or stand on the list", () => {
  const known = JSON.stringify(conventions);
  const unknown = [...SPELLED].filter(([name]) => !known.includes(name) && !OF_KINDS.has(name));
  expect(SPELLED.size).toBeGreaterThan(150);
  expect(unknown.filter(([name]) => OTHERS[name] === undefined)).toEqual([]);
  expect(Object.keys(OTHERS).filter((name) => !unknown.some(([one]) => one === name))).toEqual([]);
});
