import { statSync } from "node:fs";
import { isAbsolute } from "node:path";
import {
  aggregateMessage,
  CelCompileError,
  type CelEnvironment,
  compileCel,
  dnsSubdomain,
  durationMs,
  type FieldError,
  fieldError,
  type StaticType,
  typeNameOf,
} from "@tsukube/api";
import { messageOf, TsukubeError } from "@tsukube/foundation";
import { type FieldReader, within } from "../configuration/field-reader.ts";
import { expectNoErrors, readConfiguration } from "../configuration/read-configuration.ts";

/** A server that is asked what users may do, and how. Times are in ms. */
export interface WebhookSettings {
  readonly authorizedTTL: number;
  readonly cacheAuthorizedRequests: boolean;
  readonly unauthorizedTTL: number;
  readonly cacheUnauthorizedRequests: boolean;
  readonly timeout: number;
  readonly subjectAccessReviewVersion: string;
  readonly matchConditionSubjectAccessReviewVersion: string;
  readonly failurePolicy: string;
  readonly connectionInfo: { readonly type: string; readonly kubeConfigFile: string };
  readonly matchConditions: readonly { readonly expression: string }[];
}

export interface AuthorizerSettings {
  readonly type: string;
  readonly name: string;
  readonly webhook?: WebhookSettings;
}

const MODES = ["ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook"];
const MOST_CONDITIONS = 64;
const LONGEST_MS = 30_000;

const TEXT: StaticType = { name: "string" };
const TEXTS: StaticType = { name: "list", element: TEXT };
const typed = (name: string, fields: NonNullable<StaticType["fields"]>): StaticType => ({
  name: `kubernetes.${name}`,
  fields,
});
const REQUIREMENT = typed("SelectorRequirement", { key: TEXT, operator: TEXT, values: TEXTS });
const selector = (kind: string): StaticType =>
  typed(`${kind}SelectorAttributes`, { rawSelector: TEXT, requirements: { name: "list", element: REQUIREMENT } });

/** What match conditions of authorizers know: the spec of a SubjectAccessReview. */
export const ACCESS_ENVIRONMENT: CelEnvironment = {
  variables: {
    request: typed("SubjectAccessReviewSpec", {
      resourceAttributes: typed("ResourceAttributes", {
        ...{ namespace: TEXT, verb: TEXT, group: TEXT, version: TEXT, resource: TEXT, subresource: TEXT, name: TEXT },
        fieldSelector: selector("Field"),
        labelSelector: selector("Label"),
      }),
      nonResourceAttributes: typed("NonResourceAttributes", { path: TEXT, verb: TEXT }),
      user: TEXT,
      groups: TEXTS,
      extra: { name: "map", key: TEXT, element: TEXTS },
      uid: TEXT,
    }),
  },
};

/** Reads upstream's AuthorizationConfiguration. @throws {TsukubeError} `usage`, naming every mistake. */
export function parseAuthorization(text: string): readonly AuthorizerSettings[] {
  const authorizers = readConfiguration(text, "AuthorizationConfiguration", ["authorizers"], (reader, fields) =>
    reader.list("authorizers", fields["authorizers"], (path, one) => authorizerIn(reader, path, one)),
  );
  expectNoErrors("authorization", authorizationErrors(authorizers));
  const wrong = authorizers
    .filter(({ type, name }) => type !== "Webhook" && name !== type.toLowerCase())
    .map(({ type, name }) => `expected name ${type.toLowerCase()} for authorizer ${type} instead of ${name}`);
  if (authorizers.some(({ type }) => type === "ABAC"))
    wrong.push("authorizer type ABAC is not allowed if it was not enabled at initial server startup");
  if (wrong.length > 0) throw new TsukubeError("usage", aggregateMessage(wrong));
  return authorizers;
}

function authorizerIn(reader: FieldReader, path: string, raw: unknown): AuthorizerSettings {
  const { type = "", name = "", webhook } = reader.fields(path, raw, ["type", "name", "webhook"]);
  return {
    type: reader.text(`${path}.type`, type),
    name: reader.text(`${path}.name`, name),
    ...(webhook !== undefined && { webhook: webhookIn(reader, `${path}.webhook`, webhook) }),
  };
}

function webhookIn(reader: FieldReader, path: string, raw: unknown): WebhookSettings {
  const given = reader.fields(path, raw, [
    ...["authorizedTTL", "cacheAuthorizedRequests", "unauthorizedTTL", "cacheUnauthorizedRequests", "timeout"],
    ...["subjectAccessReviewVersion", "matchConditionSubjectAccessReviewVersion", "failurePolicy", "connectionInfo"],
    "matchConditions",
  ]);
  const text = (name: string): string => reader.text(within(path, name), given[name] ?? "");
  const time = (name: string, usual: number): number => {
    try {
      const ms = durationMs(reader.text(within(path, name), given[name] ?? "0s"));
      return ms === 0 ? usual : ms;
    } catch (error) {
      reader.wrong(within(path, name), messageOf(error), "such as 5m");
      return usual;
    }
  };
  const isOn = (name: string): boolean => {
    const { [name]: value = true } = given;
    if (typeof value !== "boolean") reader.wrong(within(path, name), String(value), "true or false");
    return value === true;
  };
  const at = `${path}.connectionInfo`;
  const { type = "", kubeConfigFile = "" } = reader.fields(at, given["connectionInfo"] ?? {}, [
    "type",
    "kubeConfigFile",
  ]);
  return {
    authorizedTTL: time("authorizedTTL", 300_000),
    cacheAuthorizedRequests: isOn("cacheAuthorizedRequests"),
    unauthorizedTTL: time("unauthorizedTTL", 30_000),
    cacheUnauthorizedRequests: isOn("cacheUnauthorizedRequests"),
    timeout: time("timeout", 0),
    subjectAccessReviewVersion: text("subjectAccessReviewVersion"),
    matchConditionSubjectAccessReviewVersion: text("matchConditionSubjectAccessReviewVersion"),
    failurePolicy: text("failurePolicy"),
    connectionInfo: {
      type: reader.text(`${at}.type`, type),
      kubeConfigFile: reader.text(`${at}.kubeConfigFile`, kubeConfigFile),
    },
    matchConditions: reader.list(`${path}.matchConditions`, given["matchConditions"], (place, one) => ({
      expression: reader.text(`${place}.expression`, reader.fields(place, one, ["expression"])["expression"] ?? ""),
    })),
  };
}

/** Pure but for a look at the files it names: what is wrong, at upstream's paths and in its words. */
function authorizationErrors(authorizers: readonly AuthorizerSettings[]): readonly FieldError[] {
  if (authorizers.length === 0)
    return [fieldError.required("authorizers", "at least one authorization mode must be defined")];
  const [types, names] = [new Set<string>(), new Set<string>()];
  return authorizers.flatMap(({ type, name, webhook }, index) => {
    const path = `authorizers[${index}]`;
    if (type === "") return [fieldError.required(`${path}.type`)];
    if (!MODES.includes(type)) return [fieldError.notSupported(`${path}.type`, type, MODES)];
    if (types.has(type) && type !== "Webhook") return [fieldError.duplicate(`${path}.type`, type)];
    types.add(type);
    const errors: FieldError[] = [];
    const problems = dnsSubdomain(name);
    if (name === "") errors.push(fieldError.required(`${path}.name`));
    else if (names.has(name)) errors.push(fieldError.duplicate(`${path}.name`, name));
    else if (problems.length > 0)
      errors.push(fieldError.invalid(`${path}.name`, name, `authorizer name is invalid: ${problems.join(", ")}`));
    names.add(name);
    if (type === "Webhook" && webhook === undefined)
      errors.push(fieldError.required(`${path}.webhook`, "required when type=Webhook"));
    else if (type === "Webhook" && webhook !== undefined) errors.push(...webhookErrors(webhook, path));
    else if (webhook !== undefined)
      errors.push(fieldError.invalid(`${path}.webhook`, "non-null", "may only be specified when type=Webhook"));
    return errors;
  });
}

function webhookErrors(webhook: WebhookSettings, path: string): readonly FieldError[] {
  const errors: FieldError[] = [];
  const { timeout, authorizedTTL, unauthorizedTTL, matchConditions } = webhook;
  if (timeout === 0) errors.push(fieldError.required(`${path}.timeout`));
  else if (timeout < 0 || timeout > LONGEST_MS)
    errors.push(fieldError.invalid(`${path}.timeout`, shownTime(timeout), "must be > 0s and <= 30s"));
  for (const [name, ms] of Object.entries({ authorizedTTL, unauthorizedTTL }))
    if (ms < 0) errors.push(fieldError.invalid(`${path}.${name}`, shownTime(ms), "must be > 0s"));
  const oneOf = (name: string, value: string, known: readonly string[]): void => {
    if (value === "") errors.push(fieldError.required(`${path}.${name}`));
    else if (!known.includes(value)) errors.push(fieldError.notSupported(`${path}.${name}`, value, known));
  };
  oneOf("subjectAccessReviewVersion", webhook.subjectAccessReviewVersion, ["v1", "v1beta1"]);
  const { matchConditionSubjectAccessReviewVersion: version } = webhook;
  if (version !== "") oneOf("matchConditionSubjectAccessReviewVersion", version, ["v1"]);
  else if (matchConditions.length > 0)
    errors.push(
      fieldError.required(
        `${path}.matchConditionSubjectAccessReviewVersion`,
        "required if match conditions are specified",
      ),
    );
  oneOf("failurePolicy", webhook.failurePolicy, ["NoOpinion", "Deny"]);
  errors.push(...connectionErrors(webhook.connectionInfo, `${path}.connectionInfo`));
  return [...errors, ...conditionErrors(matchConditions, `${path}.matchConditions`)];
}

function shownTime(ms: number): string {
  return `${ms / 1000}s`;
}

function connectionErrors(
  { type, kubeConfigFile: file }: WebhookSettings["connectionInfo"],
  path: string,
): readonly FieldError[] {
  const at = `${path}.kubeConfigFile`;
  if (type === "") return [fieldError.required(`${path}.type`)];
  if (type === "InClusterConfig")
    return file === "" ? [] : [fieldError.invalid(at, file, "can only be set when type=KubeConfigFile")];
  if (type !== "KubeConfigFile")
    return [fieldError.notSupported(`${path}.type`, type, ["InClusterConfig", "KubeConfigFile"])];
  if (file === "") return [fieldError.required(at)];
  if (!isAbsolute(file)) return [fieldError.invalid(at, file, "must be an absolute path")];
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined)
    return [fieldError.invalid(at, file, `error loading file: stat ${file}: no such file or directory`)];
  return found.isFile() ? [] : [fieldError.invalid(at, file, "must be a regular file")];
}

function conditionErrors(conditions: WebhookSettings["matchConditions"], path: string): readonly FieldError[] {
  if (conditions.length > MOST_CONDITIONS) return [fieldError.tooMany(path, conditions.length, MOST_CONDITIONS)];
  const known = new Set<string>();
  return conditions.flatMap(({ expression }, index) => {
    const at = `${path}[${index}].expression`;
    if (expression.trim() === "") return [fieldError.required(at)];
    if (known.has(expression)) return [fieldError.duplicate(at, expression)];
    known.add(expression);
    try {
      const { type } = compileCel(expression, ACCESS_ENVIRONMENT);
      if (type.name === "bool") return [];
      return [fieldError.invalid(at, expression, `must evaluate to bool but got ${typeNameOf(type)}`)];
    } catch (error) {
      if (!(error instanceof CelCompileError)) throw error;
      return [fieldError.invalid(at, expression, `compilation failed: ${error.message}`)];
    }
  });
}
