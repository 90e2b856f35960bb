import type { GroupVersionResource } from "@tsukube/api";
import type { DeleteOptions, ListOptions, WatchOptions, WriteOptions } from "./types.ts";

/** "/api/v1/namespaces/a/pods/b/status" and the like; empty parts are left out. */
export function resourcePath(gvr: GroupVersionResource, namespace: string, name = "", subresource = ""): string {
  const root = gvr.group === "" ? `/api/${gvr.version}` : `/apis/${gvr.group}/${gvr.version}`;
  const scope = namespace === "" ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
  const object = name === "" ? "" : `/${encodeURIComponent(name)}`;
  return `${root}${scope}/${gvr.resource}${object}${subresource === "" ? "" : `/${subresource}`}`;
}

export function listQuery(options: ListOptions): string {
  return query({
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    limit: options.limit,
    continue: options.continue,
    resourceVersion: options.resourceVersion,
    resourceVersionMatch: options.resourceVersionMatch,
  });
}

export function watchQuery(options: WatchOptions): string {
  const initial = options.sendInitialEvents;
  return query({
    watch: true,
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    resourceVersion: options.resourceVersion,
    resourceVersionMatch: options.resourceVersionMatch ?? (initial === undefined ? undefined : "NotOlderThan"),
    allowWatchBookmarks: options.allowWatchBookmarks,
    sendInitialEvents: initial,
    timeoutSeconds: options.timeoutSeconds,
  });
}

export function writeQuery(options: WriteOptions & { readonly force?: boolean }): string {
  const dryRun = options.dryRun === true ? "All" : undefined;
  return query({ fieldManager: options.fieldManager, force: options.force, dryRun });
}

/** The body of a DELETE; undefined when nothing was asked. */
export function deleteBody(options: DeleteOptions): object {
  const { gracePeriodSeconds, propagationPolicy, preconditions, dryRun } = options;
  return {
    kind: "DeleteOptions",
    apiVersion: "v1",
    gracePeriodSeconds,
    propagationPolicy,
    preconditions,
    dryRun: dryRun === true ? ["All"] : undefined,
  };
}

function query(parameters: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const pairs = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== "");
  if (pairs.length === 0) return "";
  return `?${pairs.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join("&")}`;
}
