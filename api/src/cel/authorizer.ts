import { dnsLabel, dnsSubdomain } from "../validation/names.ts";
import { CelError } from "./cel-error.ts";
import { noOverload } from "./operators.ts";
import { CelLazyObject, CelOpaque } from "./values.ts";

/** What somebody wants to do, as expressions ask about it. */
export interface CelAccess {
  /** Instead of the user of the request. */
  readonly serviceAccount?: { readonly namespace: string; readonly name: string };
  /** Of requests for no resource. */
  readonly path?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  /** What a list is to confine itself to, as it was written. */
  readonly fieldSelector?: string;
}

/** Whether somebody may. */
export type CelDecide = (access: CelAccess, verb: string) => { readonly allowed: boolean; readonly reason: string };

/** The variable `authorizer`, and its `requestResource`. */
export class CelAuthorizer extends CelLazyObject {
  readonly decide: CelDecide;
  readonly access: CelAccess;

  /** @param requested What the request itself is about. */
  constructor(decide: CelDecide, requested: CelAccess, access: CelAccess = {}) {
    super(new Map([["requestResource", () => new CelCheck(decide, requested)]]));
    this.decide = decide;
    this.access = access;
  }
}

class CelCheck extends CelOpaque {
  readonly typeName = "kubernetes.authorization.ResourceCheck";
  readonly decide: CelDecide;
  readonly access: CelAccess;

  constructor(decide: CelDecide, access: CelAccess) {
    super();
    this.decide = decide;
    this.access = access;
  }

  get text(): string {
    throw new CelError(`no such overload: string(${this.typeName})`);
  }
}

class CelDecision extends CelOpaque {
  readonly typeName = "kubernetes.authorization.Decision";
  readonly allowed: boolean;
  readonly text: string;

  constructor({ allowed, reason }: ReturnType<CelDecide>) {
    super();
    this.allowed = allowed;
    this.text = reason;
  }
}

function word(value: unknown, name: string): string {
  if (typeof value !== "string") throw noOverload(name, value);
  return value;
}

/** What must not be blank. */
const NAMED = new Set(["path", "resource"]);

function named(name: string, value: unknown): string {
  const text = word(value, name);
  if (NAMED.has(name) && text.trim() === "") throw new CelError(`${name} must not be empty`);
  return text;
}

/** From the authorizer to a check of something. */
const begin = (name: "path" | "group") => (on: unknown, value: unknown) => {
  if (!(on instanceof CelAuthorizer)) throw noOverload(name, on, value);
  return new CelCheck(on.decide, { ...on.access, [name]: named(name, value) });
};

type Narrowing = "resource" | "subresource" | "namespace" | "name" | "fieldSelector";

/** From a check to a narrower one. */
const narrow = (name: Narrowing) => (on: unknown, value: unknown) => {
  if (!(on instanceof CelCheck)) throw noOverload(name, on, value);
  return new CelCheck(on.decide, { ...on.access, [name]: named(name, value) });
};

const decided = (name: string, value: unknown): CelDecision => {
  if (value instanceof CelDecision) return value;
  throw noOverload(name, value);
};

/** Kubernetes' library for authorization. No authorizer goes by selectors of labels. */
export const AUTHORIZER_METHODS = {
  path: begin("path"),
  group: begin("group"),
  serviceAccount: (on: unknown, namespace: unknown, name: unknown) => {
    if (!(on instanceof CelAuthorizer)) throw noOverload("serviceAccount", on);
    const serviceAccount = { namespace: word(namespace, "serviceAccount"), name: word(name, "serviceAccount") };
    if (dnsSubdomain(serviceAccount.name).length > 0) throw new CelError("Invalid service account name");
    if (dnsLabel(serviceAccount.namespace).length > 0) throw new CelError("Invalid service account namespace");
    return new CelAuthorizer(on.decide, {}, { serviceAccount });
  },
  resource: narrow("resource"),
  subresource: narrow("subresource"),
  namespace: narrow("namespace"),
  name: narrow("name"),
  fieldSelector: narrow("fieldSelector"),
  labelSelector: (on: unknown, value: unknown) => {
    if (!(on instanceof CelCheck)) throw noOverload("labelSelector", on, value);
    word(value, "labelSelector");
    return on;
  },
  check: (on: unknown, verb: unknown) => {
    if (!(on instanceof CelCheck)) throw noOverload("check", on, verb);
    return new CelDecision(on.decide(on.access, word(verb, "check")));
  },
  allowed: (value: unknown) => decided("allowed", value).allowed,
  reason: (value: unknown) => decided("reason", value).text,
  errored: (value: unknown) => {
    decided("errored", value);
    return false;
  },
  error: (value: unknown) => {
    decided("error", value);
    return "";
  },
};
