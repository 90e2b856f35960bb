import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { fieldError } from "../../status/field-error.ts";
import {
  all,
  type Check,
  child,
  each,
  element,
  fields,
  listOf,
  member,
  required,
  run,
  text,
  valueAt,
} from "../check.ts";
import type { RuleTable } from "../kind-rules.ts";
import { dns1035Label, dnsSubdomain } from "../names.ts";

/** "<group>.<resource>". */
function versionName(name: string): readonly string[] {
  const dot = name.lastIndexOf(".");
  if (dot < 0) return ["name must be in the form of <group>.<resource>"];
  return [
    ...dnsSubdomain(name.slice(0, dot)).map((problem) => `the group segment ${problem}`),
    ...dns1035Label(name.slice(dot + 1)).map((problem) => `the resource segment ${problem}`),
  ];
}

const API_VERSION =
  "an apiVersion is a DNS-1035 label, which must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyVersion')";

/** "v1" or "apps/v1". */
function apiVersion(value: string): readonly string[] {
  const parts = value.split("/");
  if (parts.length > 2) return [API_VERSION];
  const [version = "", group] = [...parts].reverse();
  const problems = [
    ...(group === undefined
      ? []
      : group === ""
        ? ["group part: must be non-empty"]
        : prefixed("group", dnsSubdomain(group))),
    ...(version === "" ? ["version part: must be non-empty"] : prefixed("version", dns1035Label(version))),
  ];
  return problems.length === 0 ? [] : [problems.join(",")];
}

function prefixed(part: string, problems: readonly string[]): readonly string[] {
  return problems.map((problem) => `${part} part: ${problem}`);
}

const server: Check = (value, at, errors) => {
  fields({
    apiServerID: text(dnsSubdomain),
    encodingVersion: text(apiVersion),
    decodableVersions: each(text(apiVersion)),
  })(value, at, errors);
  const decodable = listOf(member(value, "decodableVersions"));
  const encoding = String(member(value, "encodingVersion") ?? "");
  if (!decodable.includes(encoding)) {
    const why = `decodableVersions must include encodingVersion ${encoding}`;
    errors.push(fieldError.invalid(child(at, "decodableVersions"), decodable, why));
  }
  listOf(member(value, "servedVersions")).forEach((version, index) => {
    const here = element(child(at, "servedVersions"), index);
    text(apiVersion)(version, here, errors);
    if (decodable.includes(version)) return;
    const why = `individual served version : ${version} must be included in decodableVersions : [${decodable.join(" ")}]`;
    errors.push(fieldError.invalid(here, version, why));
  });
};

const distinctServers: Check = (value, at, errors) => {
  const ids = listOf(value).map((one) => member(one, "apiServerID"));
  ids.forEach((id, index) => {
    if (ids.indexOf(id) !== index) errors.push(fieldError.duplicate(`${element(at, index)}.apiServerID`, id));
  });
};

/** Servers that agree on a version say so, others do not. */
const commonVersion: Check = (status, at, errors) => {
  const versions = new Set(listOf(member(status, "storageVersions")).map((one) => member(one, "encodingVersion")));
  const common = versions.size === 1 ? [...versions][0] : undefined;
  const told = member(status, "commonEncodingVersion");
  if (told === common) return;
  const why =
    common === undefined
      ? "should be nil if servers do not agree on the same encoding version, or if there is no server reporting the supported versions yet"
      : told === undefined
        ? `the common encoding version is ${common}`
        : `the actual common encoding version is ${common}`;
  errors.push(fieldError.invalid(child(at, "commonEncodingVersion"), told ?? null, why));
};

/** Upstream leaves "conditions" out of their path. */
const conditions: Check = (status, at, errors) => {
  const types = listOf(member(status, "conditions")).map((one) => member(one, "type"));
  listOf(member(status, "conditions")).forEach((condition, index) => {
    const here = element(at, index);
    const first = types.indexOf(types[index]);
    const why = `the type of the condition is not unique, it also appears in conditions[${first}]`;
    if (first !== index) errors.push(fieldError.invalid(`${here}.type`, types[index] ?? "", why));
    fields({ type: text(labelKeyProblems), status: text(labelKeyProblems), reason: required(), message: required() })(
      condition,
      here,
      errors,
    );
  });
};

const status: Check = all(fields({ storageVersions: all(distinctServers, each(server)) }), commonVersion, conditions);

/** What servers of one store write and read of a resource (KEP-2339). */
export const STORAGE_VERSIONS = {
  "internal.apiserver.k8s.io/StorageVersion": {
    name: versionName,
    state: fields({ status }),
    updateState: () => [],
    subresources: { status: (next) => run(status, valueAt(next, "status"), "status") },
  },
} satisfies RuleTable;
