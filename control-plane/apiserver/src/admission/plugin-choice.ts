import { TsukubeError } from "@tsukube/foundation";

/** Upstream's plugins that are on by default, in alphabetical order. */
const USUAL = [
  "CertificateApproval",
  "CertificateSigning",
  "CertificateSubjectRestriction",
  "ClusterTrustBundleAttest",
  "DefaultIngressClass",
  "DefaultStorageClass",
  "DefaultTolerationSeconds",
  "LimitRanger",
  "MutatingAdmissionPolicy",
  "MutatingAdmissionWebhook",
  "NamespaceLifecycle",
  "NodeRestriction",
  "PersistentVolumeClaimResize",
  "PodGroupProtection",
  "PodResizeValidator",
  "PodSecurity",
  "PodTopologyLabels",
  "Priority",
  "ResourceQuota",
  "RuntimeClass",
  "ServiceAccount",
  "StorageObjectInUseProtection",
  "TaintNodesByCondition",
  "ValidatingAdmissionPolicy",
  "ValidatingAdmissionWebhook",
] as const;

/** Those that only who asks for them has. AlwaysAdmit does nothing. */
const OPTIONAL = [
  "AlwaysAdmit",
  "AlwaysDeny",
  "AlwaysPullImages",
  "DenyServiceExternalIPs",
  "EventRateLimit",
  "ExtendedResourceToleration",
  "ImagePolicyWebhook",
  "LimitPodHardAntiAffinityTopology",
  "NamespaceAutoProvision",
  "NamespaceExists",
  "OwnerReferencesPermissionEnforcement",
  "PodNodeSelector",
  "PodTolerationRestriction",
] as const;

const OFFERED = [...USUAL, ...OPTIONAL].sort();

/** Upstream's other: nothing does its work, so it cannot be turned on. */
const ABSENT = ["NodeDeclaredFeatureValidator"] as const;

type PluginName = (typeof OFFERED)[number];

/** Names by comma, under kube-apiserver's flags without their dashes. */
export interface PluginChoice {
  readonly enableAdmissionPlugins?: string;
  readonly disableAdmissionPlugins?: string;
}

/**
 * Which of upstream's admission plugins are on.
 * @param off Those that are off by default besides.
 * @throws {TsukubeError} `usage` for names that are unknown or in both lists, and for plugins to turn on that are not here.
 */
export function chosenPlugins(choice: PluginChoice, off: readonly PluginName[] = []): ReadonlySet<string> {
  const enabled = named("enable-admission-plugins", choice.enableAdmissionPlugins, OFFERED);
  const disabled = named("disable-admission-plugins", choice.disableAdmissionPlugins, [...OFFERED, ...ABSENT]);
  const both = enabled.find((name) => disabled.includes(name));
  if (both !== undefined)
    throw wrong("disable-admission-plugins", `"${both}" is in --enable-admission-plugins, too`, "it in one of them");
  const isOn = (name: PluginName): boolean =>
    enabled.includes(name) || !(disabled.includes(name) || off.includes(name) || OPTIONAL.some((one) => one === name));
  return new Set(OFFERED.filter(isOn));
}

/** Whether a plugin is none of upstream's, but part of how a resource is stored: nothing turns it off. */
export function isBuiltIn(name: string): boolean {
  return !OFFERED.some((one) => one === name);
}

function named(flag: string, text: string | undefined, known: readonly string[]): readonly string[] {
  const names = (text ?? "").split(",").filter((name) => name !== "");
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return names;
  const isAbsent = ABSENT.some((name) => name === unknown);
  const state = isAbsent ? `${unknown} is not offered yet` : `there is no plugin "${unknown}"`;
  throw wrong(flag, state, `some of ${known.join(", ")}`);
}

function wrong(flag: string, state: string, expected: string): TsukubeError {
  return new TsukubeError("usage", `Cannot use --${flag}: ${state}, expected ${expected}`);
}
