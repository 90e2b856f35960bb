import { fieldError } from "../../status/field-error.ts";
import { type Check, child, each, fields, isUnset, listOf, member, required, text, unlessUnset } from "../check.ts";
import { configMapKey, dnsLabel, dnsSubdomain, environmentName } from "../names.ts";
import { fieldReference, resourceReference } from "./references.ts";
import { noBackSteps } from "./volume-files.ts";

const FIELD_PATHS = [
  ...["metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName"],
  ...["status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"],
];

const keyReference = fields({ name: text(dnsSubdomain), key: required(text(configMapKey)) });

const SOURCES: readonly (readonly [string, Check])[] = [
  ["fieldRef", fieldReference(FIELD_PATHS)],
  ["resourceFieldRef", resourceReference(false)],
  ["configMapKeyRef", keyReference],
  ["secretKeyRef", keyReference],
  [
    "fileKeyRef",
    fields({
      key: required(text(environmentName)),
      volumeName: required(text(dnsLabel)),
      path: required(noBackSteps),
    }),
  ],
];

const NONE = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";

function valueFrom(variable: unknown): Check {
  return (value, at, errors) => {
    if (value === undefined) return;
    const given = SOURCES.filter(([name]) => member(value, name) !== undefined);
    for (const [name, check] of given) check(member(value, name), child(at, name), errors);
    if (given.length === 0) errors.push(fieldError.invalid(at, "", NONE));
    else if (!isUnset(member(variable, "value")))
      errors.push(fieldError.invalid(at, "", "may not be specified when `value` is not empty"));
    else if (given.length > 1)
      errors.push(fieldError.invalid(at, "", "may not have more than one field specified at a time"));
  };
}

const variable: Check = (value, at, errors) =>
  fields({ name: required(text(environmentName)), valueFrom: valueFrom(value) })(value, at, errors);

/** `env` of a container. */
export const environment: Check = each(variable);

/** A source may be named by what begins a name. */
function namePrefix(name: string): string[] {
  return name.endsWith("-") && name.length > 1 ? dnsSubdomain(`${name.slice(0, -1)}a`) : dnsSubdomain(name);
}

const source = fields({ name: required(text(namePrefix)) });

/** `envFrom` of a container. Upstream says of the list what is wrong with an entry. */
export const environmentSources: Check = (value, at, errors) => {
  listOf(value).forEach((one, index) => {
    const here = `${at}[${index}]`;
    unlessUnset(text(environmentName))(member(one, "prefix"), child(here, "prefix"), errors);
    const given = ["configMapRef", "secretRef"].filter((name) => member(one, name) !== undefined);
    for (const name of given) source(member(one, name), child(here, name), errors);
    if (given.length === 0)
      errors.push(fieldError.invalid(at, "", "must specify one of: `configMapRef` or `secretRef`"));
    else if (given.length > 1)
      errors.push(fieldError.invalid(at, "", "may not have more than one field specified at a time"));
  });
};

/** Files that variables are read from are those of an emptyDir of the pod. @param list Such as "containers". */
export function fileReferences(spec: unknown, list: string, at: string, errors: Parameters<Check>[2]): void {
  const volumes = new Map(listOf(member(spec, "volumes")).map((one) => [member(one, "name"), one]));
  listOf(member(spec, list)).forEach((container, index) => {
    listOf(member(container, "env")).forEach((one, place) => {
      const reference = member(member(one, "valueFrom"), "fileKeyRef");
      if (reference === undefined) return;
      const name = member(reference, "volumeName") ?? "";
      const here = `${child(at, list)}[${index}].env[${place}].valueFrom.fileKeyRef.volumeName`;
      if (!volumes.has(name)) errors.push(fieldError.notFound(here, name));
      else if (member(volumes.get(name), "emptyDir") === undefined)
        errors.push(fieldError.invalid(here, name, "referenced volume must be of type emptyDir"));
    });
  });
}
