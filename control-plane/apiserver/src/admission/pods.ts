import type { Unstructured } from "@tsukube/api";
import type { Container, Pod, PodSpec, Toleration, Volume } from "@tsukube/api/types/core-v1";
import { nameSuffix, type Random } from "@tsukube/foundation";
import type { AdmissionAttributes, AdmissionPlugin } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import { accountOf, checkEphemeralReferences, checkReferences, isMirror } from "./account-references.ts";

const isNewPod = ({ operation, resource, subresource }: AdmissionAttributes): boolean =>
  operation === "CREATE" && resource.group === "" && resource.resource === "pods" && subresource === "";

const isDebugged = ({ operation, resource, subresource }: AdmissionAttributes): boolean =>
  operation === "UPDATE" &&
  resource.group === "" &&
  resource.resource === "pods" &&
  subresource === "ephemeralcontainers";

const withSpec = (object: Unstructured | undefined, spec: PodSpec): Unstructured =>
  ({ ...object, spec }) as Unstructured;
const specOf = (object: Unstructured | undefined): PodSpec =>
  ((object as Pod | undefined)?.spec ?? { containers: [] }) as PodSpec;

const MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * Gives each pod its ServiceAccount and, unless told otherwise, a bound token, the cluster's CA and its namespace; the pod references
 * what its account may.
 */
export function serviceAccountAdmission(cache: WatchCache, random: Random): AdmissionPlugin {
  return {
    name: "ServiceAccount",
    handles: (attributes) => isNewPod(attributes) || isDebugged(attributes),
    async mutate(attributes) {
      const { object } = attributes;
      if (!isNewPod(attributes)) return object;
      const next = isMirror(object) ? object : withAccount(attributes);
      checkReferences(cache, { ...attributes, object: next });
      return next;
    },
    async validate(attributes) {
      (isNewPod(attributes) ? checkReferences : checkEphemeralReferences)(cache, attributes);
    },
  };

  function withAccount(attributes: AdmissionAttributes): Unstructured {
    const { object } = attributes;
    const before = specOf(object);
    const accountName = before.serviceAccountName || "default";
    const account = accountOf(cache, attributes, accountName);
    const spec: PodSpec = {
      ...before,
      serviceAccountName: accountName,
      serviceAccount: accountName,
      ...((before.imagePullSecrets ?? []).length === 0 &&
        (account.imagePullSecrets ?? []).length > 0 && { imagePullSecrets: account.imagePullSecrets ?? [] }),
    };
    const mounts = before.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
    return withSpec(object, mounts ? withToken(spec, random) : spec);
  }
}

const TOKEN_VOLUME = "kube-api-access-";

function withToken(spec: PodSpec, random: Random): PodSpec {
  const isMounted = (container: Container): boolean =>
    (container.volumeMounts ?? []).some((mount) => mount.mountPath === MOUNT_PATH);
  const all = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  if (all.every(isMounted)) return spec;
  // what was copied from another pod has that one's
  const copied = (spec.volumes ?? []).find(({ name }) => name.startsWith(TOKEN_VOLUME));
  const volumeName = copied?.name ?? TOKEN_VOLUME + nameSuffix(random);
  const mount = <C extends Container>(container: C): C =>
    isMounted(container)
      ? container
      : {
          ...container,
          volumeMounts: [
            ...(container.volumeMounts ?? []),
            { name: volumeName, readOnly: true, mountPath: MOUNT_PATH },
          ],
        };
  return {
    ...spec,
    containers: (spec.containers ?? []).map(mount),
    ...(spec.initContainers !== undefined && { initContainers: spec.initContainers.map(mount) }),
    ...(copied === undefined && { volumes: [...(spec.volumes ?? []), tokenVolume(volumeName)] }),
  };
}

function tokenVolume(name: string): Volume {
  const namespaceItem = { path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } };
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: "token" } },
        { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        { downwardAPI: { items: [namespaceItem] } },
      ],
      defaultMode: 420,
    },
  };
}

const TOLERATED_SECONDS = 300;

/** Pods stay five minutes on a node that is not ready or unreachable, unless they say otherwise. */
export const defaultTolerationSeconds: AdmissionPlugin = {
  name: "DefaultTolerationSeconds",
  handles: ({ operation, resource, subresource }) =>
    (operation === "CREATE" || operation === "UPDATE") &&
    resource.group === "" &&
    resource.resource === "pods" &&
    subresource === "",
  async mutate({ object }) {
    const spec = specOf(object);
    const present = spec.tolerations ?? [];
    const covers = (key: string): boolean =>
      present.some(
        (toleration) =>
          (toleration.key === key || (toleration.key ?? "") === "") &&
          ((toleration.effect ?? "") === "" || toleration.effect === "NoExecute"),
      );
    const added = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]
      .filter((key) => !covers(key))
      .map(
        (key): Toleration => ({ key, operator: "Exists", effect: "NoExecute", tolerationSeconds: TOLERATED_SECONDS }),
      );
    return added.length === 0 ? object : withSpec(object, { ...spec, tolerations: [...present, ...added] });
  },
};
