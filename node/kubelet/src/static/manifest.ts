import { createHash } from "node:crypto";
import { applyDefaults, decodeYaml, qosClassOf, schemaOf } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import { formatTime, TsukubeError } from "@tsukube/foundation";

const SOURCE = "kubernetes.io/config.source";
export const HASH = "kubernetes.io/config.hash";
export const MIRROR = "kubernetes.io/config.mirror";
const SEEN = "kubernetes.io/config.seen";

const POD = { group: "", version: "v1", kind: "Pod" };

/**
 * The static pod of a manifest (YAML or JSON): named after the node too, with a uid that is the hash of what it is, so that
 * another content is another pod.
 * @throws {TsukubeError} `invalid` for what is no Pod, or one that needs the API.
 */
export function staticPodOf(file: string, content: Uint8Array, nodeName: string, now: number): Pod {
  const schema = schemaOf(POD);
  if (schema === undefined) throw new TsukubeError("invalid", "Cannot read a Pod: no schema");
  const { object: value } = decodeYaml<Pod>(content, schema);
  const fail = (why: string): never => {
    throw new TsukubeError("invalid", `Cannot run the static pod of "${file}": ${why}`);
  };
  if (value.apiVersion !== "v1" || value.kind !== "Pod")
    fail(`a ${value.kind} of ${value.apiVersion}, expected a Pod of v1`);
  const { name = "", namespace = "default", annotations, labels } = value.metadata ?? {};
  if (name === "" || (value.spec?.containers ?? []).length === 0) fail("no name or no container, expected both");
  const refers = (value.spec?.volumes ?? []).find(({ secret, configMap, projected, persistentVolumeClaim: claim }) =>
    [secret, configMap, projected, claim].some((source) => source !== undefined),
  );
  if (refers !== undefined) fail(`its volume "${refers.name}" refers to an object of the API, expected none`);
  const uid = createHash("md5")
    .update(JSON.stringify([nodeName, file, Buffer.from(content).toString()]))
    .digest("hex");
  const defaulted = applyDefaults(POD, value);
  return {
    ...defaulted,
    metadata: {
      name: `${name}-${nodeName}`,
      namespace,
      uid,
      ...(labels !== undefined && { labels }),
      annotations: { ...annotations, [SOURCE]: "file", [HASH]: uid, [SEEN]: formatTime(now) },
    },
    spec: {
      ...defaulted.spec,
      containers: defaulted.spec?.containers ?? [],
      nodeName,
      tolerations: [...(defaulted.spec?.tolerations ?? []), { operator: "Exists", effect: "NoExecute" }],
    },
    status: { phase: "Pending", qosClass: qosClassOf(value.spec) },
  };
}

export function isMirror({ metadata }: Pod): boolean {
  return metadata?.annotations?.[MIRROR] !== undefined;
}

/** It runs from a manifest of this node. */
export function isStaticPod({ metadata }: Pod): boolean {
  return metadata?.annotations?.[SOURCE] === "file";
}

/** What the API shows of a static pod. It belongs to the node and goes with it. */
export function mirrorOf(pod: Pod, node: { readonly name: string; readonly uid: string }): Pod {
  const { name = "", namespace = "", labels, annotations } = pod.metadata ?? {};
  const owner = { apiVersion: "v1", kind: "Node", name: node.name, uid: node.uid, controller: true };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace,
      ...(labels !== undefined && { labels }),
      annotations: { ...annotations, [MIRROR]: annotations?.[HASH] ?? "" },
      ownerReferences: [owner],
    },
    ...(pod.spec !== undefined && { spec: pod.spec }),
  };
}
