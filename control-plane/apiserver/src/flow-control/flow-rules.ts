import type {
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from "@tsukube/api/types/flowcontrol-v1";
import type { AuthorizationAttributes, User } from "../contracts.ts";

/** Whether a rule of a FlowSchema is about this request, and about who makes it. */
export function covers(rule: PolicyRulesWithSubjects, attributes: AuthorizationAttributes): boolean {
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
