import { ApiError } from "@tsukube/api";
import { forbidden } from "../authorization/forbidden.ts";
import type { AuthorizationAttributes, Authorizer, IncomingRequest, User } from "../contracts.ts";
import { accountOf, asksForNothingElse, extraProblem, MODES, type Mode, nodeOf } from "./impersonation-modes.ts";

const EXTRA = "impersonate-extra-";
const MOST_REMEMBERED = 1000;
const PRIVILEGED = "system:masters";

/** Whom a request acts as. */
interface Acting {
  readonly user: User;
  /** The verb that allowed it, such as "impersonate:user-info"; absent: without a constraint on what is done. */
  readonly constraint?: string;
}

/**
 * Users that callers ask to act as (Impersonate-User, -Group, -Uid, -Extra-*), if they may: by the old verb `impersonate`, or by
 * `impersonate:<mode>` for the user together with `impersonate-on:<mode>:<verb>` for what is asked for (KEP-5284).
 */
export class Impersonation {
  readonly #authorizer: Authorizer;
  readonly #modes: readonly (Mode | undefined)[];
  /** The mode that let a caller through last: it is tried first. */
  readonly #last = new Map<string, Mode | undefined>();

  /** @param isConstrained Whether there are modes besides the old verb. */
  constructor(authorizer: Authorizer, isConstrained: boolean) {
    this.#authorizer = authorizer;
    this.#modes = isConstrained ? [...MODES, undefined] : [undefined];
  }

  /** @param asked What the caller asks for, as itself. @throws {ApiError} 403; 400 for groups and the like without a user. */
  async of(request: IncomingRequest, asked: AuthorizationAttributes): Promise<Acting> {
    const wanted = wantedUser(request);
    if (wanted === undefined) return { user: asked.user };
    const key = JSON.stringify(asked.user);
    const last = this.#last.get(key);
    const modes = this.#last.has(key) ? [last, ...this.#modes.filter((mode) => mode !== last)] : this.#modes;
    let first: unknown;
    for (const mode of modes) {
      if (mode !== undefined && !mode.fits(wanted, asked.user)) continue;
      try {
        const acting = await this.#through(mode, wanted, asked);
        this.#remember(key, mode);
        return acting;
      } catch (error) {
        if (!ApiError.is(error, "Forbidden")) throw error;
        first ??= error;
      }
    }
    throw first;
  }

  #remember(key: string, mode: Mode | undefined): void {
    if (this.#last.size >= MOST_REMEMBERED) this.#last.clear();
    this.#last.set(key, mode);
  }

  async #through(mode: Mode | undefined, wanted: User, asked: AuthorizationAttributes): Promise<Acting> {
    const verb = mode === undefined ? "impersonate" : `impersonate:${mode.name}`;
    // which of its nodes a caller is on does not matter where it may be any of them
    const may = mode?.anyName === true ? { ...asked, user: withoutExtra(asked.user) } : asked;
    if (mode !== undefined) await this.#check({ ...may, verb: `impersonate-on:${mode.name}:${asked.verb}` });
    await this.#checkUser(mode, verb, wanted, may.user);
    const base = { user: withGroups(wanted, mode) };
    return mode === undefined ? base : { ...base, constraint: verb };
  }

  async #checkUser(mode: Mode | undefined, verb: string, wanted: User, caller: User): Promise<void> {
    const group = mode === undefined ? "" : "authentication.k8s.io";
    const check = (resource: string, name: string, more: Partial<AuthorizationAttributes> = {}): Promise<void> =>
      this.#check({ ...NOTHING, user: caller, verb, group, resource, name, ...more });
    const node = mode === undefined ? undefined : nodeOf(wanted.name);
    const account = accountOf(wanted.name);
    if (node !== undefined) await check("nodes", mode?.anyName === true ? "*" : node);
    else if (account !== undefined) await check("serviceaccounts", account.name, { namespace: account.namespace });
    else await check("users", wanted.name);
    const of = { group: "authentication.k8s.io" };
    if (wanted.uid !== undefined) await check("uids", wanted.uid, of);
    if (mode !== undefined) refuseWithin(wanted, { ...NOTHING, user: caller, verb, group });
    for (const each of wanted.groups) await check("groups", each);
    for (const [key, values] of Object.entries(wanted.extra))
      for (const value of values) await check("userextras", value, { ...of, subresource: key });
  }

  async #check(attributes: AuthorizationAttributes): Promise<void> {
    const { decision, reason } = await this.#authorizer.authorize(attributes);
    if (decision !== "allow") throw forbidden(attributes, reason);
  }
}

const NOTHING = { version: "v1", isResource: true, subresource: "", namespace: "", path: "", resource: "", name: "" };

/** What no mode allows, whatever rules say. @throws {ApiError} 403. */
function refuseWithin(wanted: User, attributes: AuthorizationAttributes): void {
  const refuse = (resource: string, name: string, why: string): never => {
    throw ApiError.forbidden({ group: attributes.group, resource }, name, why);
  };
  if (wanted.groups.includes(PRIVILEGED))
    refuse("groups", PRIVILEGED, `impersonating the ${PRIVILEGED} group is not allowed`);
  const problem = extraProblem(wanted.extra);
  if (problem !== undefined) refuse("userextras", "", problem);
}

/** undefined: the request is the caller's own. @throws {ApiError} 400. */
function wantedUser({ headers, repeated }: IncomingRequest): User | undefined {
  if (!asksToAct(headers)) return undefined;
  const valuesOf = (header: string): readonly string[] => {
    const value = headers[header];
    return value === undefined ? [] : (repeated?.get(header) ?? [value]);
  };
  const [name = ""] = valuesOf("impersonate-user");
  const [uid = ""] = valuesOf("impersonate-uid");
  const groups = valuesOf("impersonate-group");
  const extra = new Map<string, readonly string[]>();
  for (const header of Object.keys(headers)) {
    if (!header.startsWith(EXTRA)) continue;
    const key = unescaped(header.slice(EXTRA.length));
    extra.set(key, [...(extra.get(key) ?? []), ...valuesOf(header)]);
  }
  const wanted = { name, groups, extra: Object.fromEntries(extra), ...(uid !== "" && { uid }) };
  if (name !== "") return wanted;
  if (asksForNothingElse(wanted)) return undefined;
  throw ApiError.badRequest(`requested ${goText(wanted)} without impersonating a user name`);
}

function asksToAct(headers: IncomingRequest["headers"]): boolean {
  for (const name in headers) if (name.startsWith("impersonate-")) return true;
  return false;
}

function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

/** As Go shows a user. */
function goText({ uid = "", groups, extra }: User): string {
  const list = (texts: readonly string[]): string =>
    `[]string{${texts.map((text) => JSON.stringify(text)).join(", ")}}`;
  const pairs = Object.entries(extra).map(([key, values]) => `${JSON.stringify(key)}:${list(values)}`);
  const shown = [
    groups.length === 0 ? "[]string(nil)" : list(groups),
    pairs.length === 0 ? "map[string][]string(nil)" : `map[string][]string{${pairs.join(", ")}}`,
  ];
  return `&user.DefaultInfo{Name:"", UID:${JSON.stringify(uid)}, Groups:${shown[0]}, Extra:${shown[1]}}`;
}

function withGroups(wanted: User, mode: Mode | undefined): User {
  const account = accountOf(wanted.name);
  const isNode = mode !== undefined && nodeOf(wanted.name) !== undefined;
  const implied = account && ["system:serviceaccounts", `system:serviceaccounts:${account.namespace}`];
  const groups = isNode ? ["system:nodes"] : wanted.groups.length > 0 ? wanted.groups : (implied ?? []);
  const isUnknown = wanted.name === "system:anonymous" || groups.includes("system:unauthenticated");
  const last = isUnknown ? "system:unauthenticated" : "system:authenticated";
  return { ...wanted, groups: groups.includes(last) ? groups : [...groups, last] };
}

/** The keys stay: they tell what kind of credentials the caller has. */
function withoutExtra(user: User): User {
  const keys = Object.keys(user.extra).sort();
  return { ...user, extra: { "authentication.kubernetes.io/associated-node-keys": keys } };
}
