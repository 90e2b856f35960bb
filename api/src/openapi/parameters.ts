import { type FactField, factsType } from "../facts.ts";
import type { Node } from "./definitions.ts";

/** A parameter in the path or the query. */
export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly type: "string" | "boolean" | "integer";
  readonly description: string;
}

export const PRETTY: Parameter = {
  name: "pretty",
  in: "query",
  type: "string",
  description: "'true' indents the answer.",
};
export const NAMESPACE = inPath("namespace", "Namespace of the object.");
/** What is left of a path that is proxied. */
export const TAIL = inPath("path", "Path of the resource behind the proxy.");

/** The name of an object, as the path of this kind says it. */
export function nameOf(kind: string): Parameter {
  return inPath("name", `Name of the ${kind}.`);
}

function inPath(name: string, description: string): Parameter {
  return { name, in: "path", type: "string", description };
}

const TYPES: Readonly<Record<string, Parameter["type"]>> = {
  string: "string",
  bool: "boolean",
  int32: "integer",
  int64: "integer",
};

/**
 * What an options type such as "meta/v1.ListOptions" is in a query: its plain fields and its lists of them.
 * @param without Fields that a request does not take.
 */
export function optionParameters(typeName: string, without: readonly string[] = []): readonly Parameter[] {
  return (factsType(typeName)?.fields ?? []).flatMap((field): Parameter[] => {
    const type = TYPES[field.type.replace(/^\[\]/, "")];
    if (isTypeMeta(field) || type === undefined || without.includes(field.name)) return [];
    return [{ name: field.name, in: "query", type, description: DESCRIPTIONS[field.name] ?? "" }];
  });
}

function isTypeMeta(field: FactField): boolean {
  return field.inline !== undefined;
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  allowWatchBookmarks: "Asks a watch for bookmarks.",
  command: "Program and arguments, one each time.",
  container: "The container, where a pod has several.",
  continue: "Where the last page ended.",
  dryRun: "'All' processes the request without storing the result.",
  fieldManager: "Name of the actor that makes this change.",
  fieldSelector: "Restricts by fields.",
  fieldValidation: "What becomes of unknown and duplicate fields: Ignore, Warn or Strict.",
  follow: "Goes on as the log grows.",
  force: "Takes fields over from other managers; for apply only.",
  gracePeriodSeconds: "Time to end in; 0 means at once.",
  ignoreStoreReadErrorWithClusterBreakingPotential: "Deletes an object that cannot be read.",
  insecureSkipTLSVerifyBackend: "Reads the log from a node whose certificate cannot be verified.",
  labelSelector: "Restricts by labels.",
  limit: "At most so many objects in a page.",
  limitBytes: "At most so many bytes of the log.",
  orphanDependents: "Deprecated: see propagationPolicy.",
  path: "Where the request goes behind the proxy.",
  ports: "Ports that are forwarded, in one list.",
  previous: "The log of the container before its restart.",
  propagationPolicy: "What becomes of dependents: Orphan, Background or Foreground.",
  resourceVersion: "How old the answer may be.",
  resourceVersionMatch: "How resourceVersion is meant: Exact or NotOlderThan.",
  sendInitialEvents: "A watch starts with the objects that exist.",
  shardSelector: "Restricts to a part of the objects.",
  sinceSeconds: "The log of the last so many seconds.",
  stderr: "Carries the standard error.",
  stdin: "Carries the standard input.",
  stdout: "Carries the standard output.",
  stream: "Which stream of the log: All, Stdout or Stderr.",
  tailLines: "So many lines from the end of the log.",
  timeoutSeconds: "Ends the call after so long.",
  timestamps: "Each line of the log with its time.",
  tty: "The program runs on a terminal.",
  watch: "Streams changes instead of listing.",
};

/** By name, then by place: the order of every list of parameters. */
export function sortedParameters(parameters: readonly Parameter[]): readonly Parameter[] {
  const keyOf = (parameter: Parameter) => `${parameter.name} ${parameter.in}`;
  return [...parameters].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

export function parameterV3(parameter: Parameter): Node {
  const { name, description, type } = parameter;
  const required = parameter.in === "path" ? { required: true } : {};
  return { name, in: parameter.in, description, ...required, schema: { type, uniqueItems: true } };
}

export function parameterV2(parameter: Parameter): Node {
  const { name, description, type } = parameter;
  const required = parameter.in === "path" ? { required: true } : {};
  return { uniqueItems: true, type, description, name, in: parameter.in, ...required };
}
