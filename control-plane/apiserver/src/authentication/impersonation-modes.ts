import { dnsLabel, dnsSubdomain, domainPrefixedPath, type FieldError, fieldErrorMessage } from "@tsukube/api";
import type { User } from "../contracts.ts";

const NODE_NAME = "authentication.kubernetes.io/node-name";

/** A way to be allowed to act as somebody for some requests (KEP-5284). */
export interface Mode {
  /** In the verbs `impersonate:<name>` and `impersonate-on:<name>:<verb>`. */
  readonly name: string;
  /** Rules name no single user: "*". */
  readonly anyName?: true;
  /** Whether it is for that user at all. */
  fits(wanted: User, caller: User): boolean;
}

/** In the order in which they are tried. */
export const MODES: readonly Mode[] = [
  {
    name: "associated-node",
    anyName: true,
    fits: (wanted, caller) => asksForNothingElse(wanted) && isOn(caller, nodeOf(wanted.name)),
  },
  { name: "arbitrary-node", fits: (wanted) => asksForNothingElse(wanted) && nodeOf(wanted.name) !== undefined },
  { name: "serviceaccount", fits: (wanted) => asksForNothingElse(wanted) && accountOf(wanted.name) !== undefined },
  { name: "user-info", fits: ({ name }) => nodeOf(name) === undefined && accountOf(name) === undefined },
];

/** Whether no more than a name is asked for. */
export function asksForNothingElse({ uid, groups, extra }: User): boolean {
  return uid === undefined && groups.length === 0 && Object.keys(extra).length === 0;
}

/** The node whose user it is. */
export function nodeOf(name: string): string | undefined {
  const node = /^system:node:(.+)$/.exec(name)?.[1];
  return node !== undefined && dnsSubdomain(node).length === 0 ? node : undefined;
}

/** The ServiceAccount whose user it is: only names that one can have are. */
export function accountOf(user: string): { readonly namespace: string; readonly name: string } | undefined {
  const [, namespace = "", name = ""] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user) ?? [];
  return dnsLabel(namespace).length === 0 && dnsSubdomain(name).length === 0 ? { namespace, name } : undefined;
}

/** Whether the caller is a ServiceAccount with a token of a pod on the node. */
function isOn(caller: User, node: string | undefined): boolean {
  const [at, ...others] = caller.extra[NODE_NAME] ?? [];
  return node !== undefined && accountOf(caller.name) !== undefined && at === node && others.length === 0;
}

/** Why nobody may claim that; undefined: it depends on rules. */
export function extraProblem(extra: User["extra"]): string | undefined {
  for (const [key, values] of Object.entries(extra)) {
    if (key === "") return "impersonating the empty string key in extra is not allowed";
    const errors: FieldError[] = [];
    domainPrefixedPath(key, "extra.key", errors);
    const why = errors.map(fieldErrorMessage).join(", ");
    if (why !== "") return `impersonating an invalid key in extra is not allowed: ${why}`;
    if (values.includes("")) return "impersonating the empty string value in extra is not allowed";
  }
  return undefined;
}
