import type { Container, Volume } from "@tsukube/api/types/core-v1";
import { badSeccomp, isGoodSeccomp, unmaskedProc } from "./baseline.ts";
import {
  type Check,
  containersOf,
  hasOwnUsers,
  isWindows,
  type NamedCheck,
  named,
  plural,
  quoted,
  settersOf,
  sorted,
} from "./check.ts";

const allowPrivilegeEscalation: Check = (pod, version) => {
  if (version >= 25 && isWindows(pod)) return undefined;
  const bad = containersOf(pod).filter(({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false);
  if (bad.length === 0) return undefined;
  return {
    reason: "allowPrivilegeEscalation != false",
    detail: `${named(bad)} must set securityContext.allowPrivilegeEscalation=false`,
  };
};

const capabilities: Check = (pod, version) => {
  if (version >= 25 && isWindows(pod)) return undefined;
  const addedBy = ({ securityContext }: Container): readonly string[] =>
    (securityContext?.capabilities?.add ?? []).filter((name) => name !== "NET_BIND_SERVICE");
  const all = containersOf(pod);
  const keeping = all.filter(({ securityContext }) => !securityContext?.capabilities?.drop?.includes("ALL"));
  const adding = all.filter((container) => addedBy(container).length > 0);
  const added = quoted(sorted(adding.flatMap(addedBy)));
  const details = [
    ...(keeping.length > 0 ? [`${named(keeping)} must set securityContext.capabilities.drop=["ALL"]`] : []),
    ...(adding.length > 0 ? [`${named(adding)} must not include ${added} in securityContext.capabilities.add`] : []),
  ];
  return details.length === 0 ? undefined : { reason: "unrestricted capabilities", detail: details.join("; ") };
};

const GOOD_VOLUMES: readonly (keyof Volume)[] = [
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "image",
  "persistentVolumeClaim",
  "projected",
  "secret",
];

const restrictedVolumes: Check = ({ spec }) => {
  const bad = (spec?.volumes ?? []).filter((volume) => !GOOD_VOLUMES.some((source) => volume[source]));
  if (bad.length === 0) return undefined;
  const typeOf = (volume: Volume): string =>
    Object.entries(volume).find(([name, source]) => name !== "name" && source)?.[0] ?? "unknown";
  const types = sorted(bad.map(typeOf));
  const who = `${plural(bad.length, "volume")} ${quoted(bad.map(({ name }) => name))}`;
  return {
    reason: "restricted volume types",
    detail: `${who} ${plural(bad.length, "uses", "use")} ${plural(types.length, "restricted volume type")} ${quoted(types)}`,
  };
};

const runAsNonRoot: Check = (pod, version) => {
  if (version >= 35 && hasOwnUsers(pod)) return undefined;
  const reason = "runAsNonRoot != true";
  const setters = settersOf(pod, (context) => context.runAsNonRoot === false);
  if (setters !== "") return { reason, detail: `${setters} must not set securityContext.runAsNonRoot=false` };
  if (pod.spec?.securityContext?.runAsNonRoot === true) return undefined;
  const open = containersOf(pod).filter(({ securityContext }) => typeof securityContext?.runAsNonRoot !== "boolean");
  if (open.length === 0) return undefined;
  return { reason, detail: `pod or ${named(open)} must set securityContext.runAsNonRoot=true` };
};

const runAsUser: Check = (pod, version) => {
  if (version >= 35 && hasOwnUsers(pod)) return undefined;
  const setters = settersOf(pod, (context) => context.runAsUser === 0);
  return setters === "" ? undefined : { reason: "runAsUser=0", detail: `${setters} must not set runAsUser=0` };
};

const seccompProfile: Check = (pod, version) => {
  if (version >= 25 && isWindows(pod)) return undefined;
  const bad = badSeccomp(pod, version);
  if (bad !== undefined || isGoodSeccomp(pod.spec?.securityContext?.seccompProfile?.type)) return bad;
  const open = containersOf(pod).filter(({ securityContext }) => !securityContext?.seccompProfile);
  if (open.length === 0) return undefined;
  return {
    reason: "seccompProfile",
    detail: `pod or ${named(open)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
  };
};

/** What the level "restricted" asks besides the baseline, in the order of the checks' names. */
export const RESTRICTED: readonly NamedCheck[] = [
  { id: "allowPrivilegeEscalation", since: 8, check: allowPrivilegeEscalation },
  { id: "capabilities_restricted", since: 22, check: capabilities, replaces: "capabilities_baseline" },
  { id: "procMount_restricted", since: 35, check: unmaskedProc, replaces: "procMount" },
  { id: "restrictedVolumes", since: 0, check: restrictedVolumes, replaces: "hostPathVolumes" },
  { id: "runAsNonRoot", since: 0, check: runAsNonRoot },
  { id: "runAsUser", since: 23, check: runAsUser },
  { id: "seccompProfile_restricted", since: 19, check: seccompProfile, replaces: "seccompProfile_baseline" },
];
