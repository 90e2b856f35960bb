import type { Unstructured } from "@tsukube/api";

const UID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g;

/** An object without what differs from server to server: as the facts are recorded. */
export function normalized(object: Unstructured): unknown {
  const text = JSON.stringify(withoutSystem(object))
    .replaceAll(UID, "<uid>")
    .replaceAll(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "<time>")
    .replaceAll(/"10\.0\.0\.\d+"/g, '"<clusterIP>"')
    .replaceAll(/"(nodePort|healthCheckNodePort)":3\d{4}/g, '"$1":30000')
    .replaceAll(/kube-api-access-[a-z0-9]{5}\b/g, "kube-api-access-<5>")
    .replaceAll(/"gn-[a-z0-9]{5}"/g, '"gn-<5>"')
    .replaceAll(/,"uid":"admin"|"uid":"admin",/g, "")
    .replaceAll(/"ey[\w-]+\.[\w-]+\.[\w-]+"/g, '"<jwt>"');
  return JSON.parse(text);
}

function withoutSystem(object: Unstructured): unknown {
  if (object.kind === "Status") return object;
  const {
    uid: _uid,
    resourceVersion: _version,
    creationTimestamp: _time,
    managedFields: _managed,
    ...metadata
  } = object.metadata ?? {};
  return { ...object, metadata };
}
