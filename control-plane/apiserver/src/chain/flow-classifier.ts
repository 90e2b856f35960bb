import type { Unstructured } from "@tsukube/api";
import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from "@tsukube/api/types/flowcontrol-v1";
import type { AuthorizationAttributes, User } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";

const SCHEMAS = "/registry/flowschemas/";
const LEVELS = "/registry/prioritylevelconfigurations/";

/** Which FlowSchema a request belongs to, and the uids that the answer names. */
export interface Flow {
  readonly schemaUid: string;
  readonly levelUid: string;
}

/**
 * Sorts requests into flows (KEP-1040): the FlowSchema of lowest precedence whose rules cover the request. Clients and
 * metrics see the flow; requests are not queued by it.
 */
export class FlowClassifier {
  readonly #cache: WatchCache;
  #schemas: readonly (FlowSchema & Unstructured)[] | undefined;

  constructor(cache: WatchCache) {
    this.#cache = cache;
    cache.subscribe(SCHEMAS, () => {
      this.#schemas = undefined;
    });
  }

  /** Undefined when no FlowSchema covers the request. */
  flowOf(attributes: AuthorizationAttributes): Flow | undefined {
    this.#schemas ??= this.#sorted();
    const schema = this.#schemas.find(({ spec }) => (spec?.rules ?? []).some((rule) => covers(rule, attributes)));
    if (schema === undefined) return undefined;
    const level = this.#cache.get(LEVELS + (schema.spec?.priorityLevelConfiguration?.name ?? ""))?.object;
    return { schemaUid: schema.metadata?.uid ?? "", levelUid: level?.metadata?.uid ?? "" };
  }

  #sorted(): readonly (FlowSchema & Unstructured)[] {
    const all = [...this.#cache.head.range(SCHEMAS)].map(([, cached]) => cached.object as FlowSchema & Unstructured);
    const precedence = ({ spec }: FlowSchema): number => spec?.matchingPrecedence ?? 0;
    return all.sort(
      (a, b) => precedence(a) - precedence(b) || ((a.metadata?.name ?? "") < (b.metadata?.name ?? "") ? -1 : 1),
    );
  }
}

function covers(rule: PolicyRulesWithSubjects, attributes: AuthorizationAttributes): boolean {
  if (!(rule.subjects ?? []).some((subject) => isSubject(subject, attributes.user))) return false;
  return attributes.isResource
    ? (rule.resourceRules ?? []).some((one) => coversResource(one, attributes))
    : (rule.nonResourceRules ?? []).some((one) => coversPath(one, attributes));
}

function isSubject(subject: Subject, user: User): boolean {
  switch (subject.kind) {
    case "User":
      return subject.user?.name === "*" || subject.user?.name === user.name;
    case "Group":
      return subject.group?.name === "*" || user.groups.includes(subject.group?.name ?? "");
    default: {
      const { namespace = "", name = "" } = subject.serviceAccount ?? {};
      const prefix = `system:serviceaccount:${namespace}:`;
      return name === "*" ? user.name.startsWith(prefix) : user.name === prefix + name;
    }
  }
}

function coversResource(rule: ResourcePolicyRule, attributes: AuthorizationAttributes): boolean {
  const { verb, group, resource, subresource, namespace } = attributes;
  const name = subresource === "" ? resource : `${resource}/${subresource}`;
  if (!has(rule.verbs, verb) || !has(rule.apiGroups, group) || !has(rule.resources, name)) return false;
  return namespace === "" ? rule.clusterScope === true : has(rule.namespaces, namespace);
}

function coversPath(rule: NonResourcePolicyRule, { verb, path }: AuthorizationAttributes): boolean {
  if (!has(rule.verbs, verb)) return false;
  return (rule.nonResourceURLs ?? []).some(
    (url) => url === "*" || url === path || (url.endsWith("/*") && path.startsWith(url.slice(0, -1))),
  );
}

function has(values: readonly string[] | undefined | null, value: string): boolean {
  return values?.includes("*") === true || values?.includes(value) === true;
}
