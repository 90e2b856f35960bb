import { decodeYamlUnstructured } from "@tsukube/api";
import { TsukubeError } from "@tsukube/foundation";
import type { RequestInfo, User } from "../contracts.ts";

type AuditLevel = "None" | "Metadata" | "Request" | "RequestResponse";
export type AuditStage = "RequestReceived" | "ResponseStarted" | "ResponseComplete" | "Panic";

/** How a request is audited. */
export interface AuditTerms {
  readonly level: AuditLevel;
  readonly omitStages: ReadonlySet<AuditStage>;
  readonly omitManagedFields: boolean;
}

interface GroupResources {
  readonly group?: string;
  readonly resources?: readonly string[] | null;
  readonly resourceNames?: readonly string[] | null;
}

/** audit.k8s.io/v1 PolicyRule. */
interface AuditRule {
  readonly level?: AuditLevel;
  readonly users?: readonly string[] | null;
  readonly userGroups?: readonly string[] | null;
  readonly verbs?: readonly string[] | null;
  readonly resources?: readonly GroupResources[] | null;
  readonly namespaces?: readonly string[] | null;
  readonly nonResourceURLs?: readonly string[] | null;
  readonly omitStages?: readonly AuditStage[] | null;
  readonly omitManagedFields?: boolean | null;
}

/** audit.k8s.io/v1 Policy. */
export interface AuditPolicy {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly rules?: readonly AuditRule[] | null;
  readonly omitStages?: readonly AuditStage[] | null;
  readonly omitManagedFields?: boolean;
}

const LEVELS = ["None", "Metadata", "Request", "RequestResponse"];
const STAGES = ["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"];

/** @param text YAML or JSON. @throws {TsukubeError} `invalid` for what is no audit policy. */
export function parseAuditPolicy(text: string): AuditPolicy {
  const fail = (why: string): never => {
    throw new TsukubeError(
      "invalid",
      `Cannot use the audit policy: ${why}, expected an audit.k8s.io/v1 Policy with rules`,
    );
  };
  const { object, problems } = decodeYamlUnstructured<AuditPolicy>(Buffer.from(text));
  if (typeof object !== "object" || object === null) fail("it is no object");
  if (problems[0] !== undefined) fail(problems[0]);
  if (object.kind !== "Policy" || object.apiVersion !== "audit.k8s.io/v1")
    fail(`it is a ${object.apiVersion ?? ""} ${object.kind ?? ""}`);
  if ((object.rules ?? []).length === 0) fail("it has no rules");
  for (const [index, rule] of (object.rules ?? []).entries()) {
    if (!LEVELS.includes(rule.level ?? "")) fail(`rules[${index}].level is "${rule.level ?? ""}"`);
    const isAboutResources = (rule.resources ?? []).length > 0 || (rule.namespaces ?? []).length > 0;
    if (isAboutResources && (rule.nonResourceURLs ?? []).length > 0)
      fail(`rules[${index}] is about resources and about other paths`);
    const stage = (rule.omitStages ?? []).find((one) => !STAGES.includes(one));
    if (stage !== undefined) fail(`rules[${index}].omitStages has "${stage}"`);
  }
  return object;
}

/** The terms of the first rule that fits; without one nothing is audited. */
export function termsFor(policy: AuditPolicy, user: User, info: RequestInfo): AuditTerms {
  const rule = (policy.rules ?? []).find((one) => fits(one, user, info));
  return {
    level: rule?.level ?? "None",
    omitStages: new Set([...(policy.omitStages ?? []), ...(rule?.omitStages ?? [])]),
    omitManagedFields: rule?.omitManagedFields ?? policy.omitManagedFields ?? false,
  };
}

function fits(rule: AuditRule, user: User, info: RequestInfo): boolean {
  const among = (values: readonly string[] | null | undefined, wanted: readonly string[]): boolean =>
    (values ?? []).length === 0 || wanted.some((value) => values!.includes(value));
  if (!among(rule.users, [user.name]) || !among(rule.userGroups, user.groups) || !among(rule.verbs, [info.verb]))
    return false;
  if ((rule.namespaces ?? []).length > 0 || (rule.resources ?? []).length > 0) return fitsResource(rule, info);
  const paths = rule.nonResourceURLs ?? [];
  return paths.length === 0 || (!info.isResource && paths.some((path) => fitsPath(path, info.path)));
}

function fitsResource({ namespaces, resources }: AuditRule, info: RequestInfo): boolean {
  if (!info.isResource) return false;
  if ((namespaces ?? []).length > 0 && !namespaces!.includes(info.namespace)) return false;
  const groups = resources ?? [];
  return (
    groups.length === 0 || groups.some((one) => ["*", info.group].includes(one.group ?? "") && fitsGroup(one, info))
  );
}

function fitsGroup(
  { resources, resourceNames }: GroupResources,
  { resource, subresource, name }: RequestInfo,
): boolean {
  if ((resources ?? []).length === 0) return true;
  if ((resourceNames ?? []).length > 0 && !resourceNames!.includes(name)) return false;
  const combined = subresource === "" ? resource : `${resource}/${subresource}`;
  return resources!.some(
    (wanted) =>
      wanted === "*" ||
      wanted === combined ||
      (subresource !== "" && (wanted === `*/${subresource}` || wanted === `${resource}/*`)),
  );
}

function fitsPath(pattern: string, path: string): boolean {
  if (pattern === "*" || pattern === path) return true;
  return pattern.endsWith("*") && path.startsWith(pattern.slice(0, -1));
}
