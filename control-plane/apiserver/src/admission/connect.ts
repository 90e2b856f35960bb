import type { Unstructured } from "@tsukube/api";
import { isTrue } from "../chain/request-info.ts";
import type { AdmissionRequest, RequestContext } from "../contracts.ts";

const KINDS: Readonly<Record<string, string>> = {
  "pods/attach": "PodAttachOptions",
  "pods/exec": "PodExecOptions",
  "pods/portforward": "PodPortForwardOptions",
  "pods/proxy": "PodProxyOptions",
  "services/proxy": "ServiceProxyOptions",
  "nodes/proxy": "NodeProxyOptions",
};

/** Whether a request connects to a pod, service or node. */
export function isConnection({ group, resource, subresource }: RequestContext["info"]): boolean {
  return group === "" && KINDS[`${resource}/${subresource}`] !== undefined;
}

/** A connection to a pod, service or node, as admission sees it: the object is what the query asks for. */
export function connectRequest(context: RequestContext): AdmissionRequest {
  const { info } = context;
  const kind = KINDS[`${info.resource}/${info.subresource}`] ?? "";
  return {
    context,
    operation: "CONNECT",
    resource: { group: info.group, version: info.version, resource: info.resource },
    kind: { group: "", version: "v1", kind },
    subresource: info.subresource,
    namespace: info.namespace,
    name: info.name,
    object: { kind, apiVersion: "v1", ...optionsOf(info.subresource, info) } as Unstructured,
    oldObject: undefined,
    options: undefined,
    dryRun: false,
  };
}

function optionsOf(subresource: string, { query, rest }: RequestContext["info"]): object {
  const flags = Object.fromEntries(
    ["stdin", "stdout", "stderr", "tty"].flatMap((name) => (isTrue(query.get(name)) ? [[name, true]] : [])),
  );
  const container = query.get("container") ?? "";
  const ports = query.getAll("ports").map(Number);
  switch (subresource) {
    case "proxy":
      return rest === "" ? {} : { path: rest };
    case "portforward":
      return ports.length > 0 ? { ports } : {};
    default: {
      const command = query.getAll("command");
      return { ...flags, ...(container !== "" && { container }), ...(command.length > 0 && { command }) };
    }
  }
}
