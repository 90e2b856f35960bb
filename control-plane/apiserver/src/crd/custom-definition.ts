import {
  apiVersionOf,
  cleanCustomResource,
  compileStructural,
  defaultCustomResource,
  type FieldError,
  fieldError,
  hasRules,
  isTrueOf,
  type ObjectSchema,
  parseApiVersion,
  pruneStored,
  type Unstructured,
  validateCreate,
  validateRules,
  validateStatus,
  validateUpdate,
  validateValue,
} from "@tsukube/api";
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from "@tsukube/api/types/apiextensions-v1";
import { compareVersions } from "../discovery/version-order.ts";
import type { ConvertObjects, CustomDetails, Deprecation, ResourceDefinition } from "../registry/definition.ts";
import { scaleErrors } from "./scale-errors.ts";

const VERBS = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
const PART_VERBS = ["get", "patch", "update"];
const ANYTHING: JSONSchemaProps = {
  type: "object",
  "x-kubernetes-preserve-unknown-fields": true,
} as unknown as JSONSchemaProps;

/** Every served version of a CustomResourceDefinition, as the generic endpoints serve it. */
export function definitionsOf(crd: CustomResourceDefinition, convert?: ConvertObjects): readonly ResourceDefinition[] {
  const versions = crd.spec?.versions ?? [];
  const stored = versions.find((version) => version.storage === true) ?? versions[0];
  if (stored === undefined) return [];
  const schemaIn = schemasOf(versions);
  return versions
    .filter((version) => version.served === true)
    .map((version) => define(crd, version, stored, schemaIn, convert));
}

type SchemaIn = (version: string) => ObjectSchema | undefined;

/** Each version's schema, compiled when it is first asked for. */
function schemasOf(versions: readonly CustomResourceDefinitionVersion[]): SchemaIn {
  const compiled = new Map<string, ObjectSchema>();
  return (name) => {
    const version = compiled.has(name) ? undefined : versions.find((one) => one.name === name);
    if (version !== undefined) compiled.set(name, schemaOf(version));
    return compiled.get(name);
  };
}

function define(
  crd: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  stored: CustomResourceDefinitionVersion,
  schemaIn: SchemaIn,
  convert: ConvertObjects | undefined,
): ResourceDefinition {
  const spec = crd.spec!;
  const names = namesOf(crd);
  const group = spec.group ?? "";
  const kind = names.kind ?? "";
  const schema = schemaIn(version.name ?? "")!;
  const hasStatus = version.subresources?.status !== undefined && version.subresources.status !== null;
  const scale = version.subresources?.scale;
  const gvk = { group, version: version.name ?? "", kind };
  const deprecation = deprecationOf(crd, version);
  return {
    ...(deprecation !== undefined && { deprecation }),
    group,
    version: version.name ?? "",
    resource: names.plural ?? "",
    kind,
    listKind: names.listKind ?? `${kind}List`,
    singular: names.singular ?? kind.toLowerCase(),
    namespaced: spec.scope === "Namespaced",
    verbs: VERBS,
    subresources: [
      ...(hasStatus ? [{ name: "status", verbs: PART_VERBS }] : []),
      ...(scale === undefined || scale === null ? [] : [{ name: "scale", verbs: PART_VERBS }]),
    ],
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    schema,
    typed: false,
    storage: {
      prefix: `/registry/${group}/${names.plural}/`,
      gvk: { ...gvk, version: stored.name ?? "" },
      schema: schemaIn(stored.name ?? "")!,
    },
    strategy: {
      generation: true,
      createOnUpdate: false,
      unconditionalUpdate: false,
      status: hasStatus,
      returnsDeleted: false,
      dependents: "background",
    },
    custom: { ...detailsOf(crd, version, schemaIn, gvk, hasStatus), ...(convert !== undefined && { convert }) },
  };
}

/** Those that were accepted: what is asked for later is served once it is accepted too. */
function namesOf({ spec, status }: CustomResourceDefinition): CustomResourceDefinitionNames {
  const accepted = status?.acceptedNames;
  return accepted?.kind ? accepted : spec!.names!;
}

/** What users of a version hear; undefined: it is not deprecated. */
function deprecationOf(
  { spec }: CustomResourceDefinition,
  { name = "", deprecated, deprecationWarning }: CustomResourceDefinitionVersion,
): Deprecation | undefined {
  if (deprecated !== true) return undefined;
  if (deprecationWarning !== undefined) return { warning: deprecationWarning, removed: "" };
  const { group = "", names, versions = [] } = spec ?? {};
  const [newest] = versions
    .filter((one) => one.served === true && one.deprecated !== true && compareVersions(one.name ?? "", name) > 0)
    .map((one) => one.name ?? "")
    .sort((a, b) => compareVersions(b, a));
  const use = newest === undefined ? "" : `; use ${group}/${newest} ${names?.kind}`;
  return { warning: `${group}/${name} ${names?.kind} is deprecated${use}`, removed: "" };
}

function schemaOf(version: CustomResourceDefinitionVersion): ObjectSchema {
  return compileStructural((version.schema?.openAPIV3Schema ?? ANYTHING) as JSONSchemaProps);
}

function detailsOf(
  crd: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  schemaIn: SchemaIn,
  gvk: { readonly group: string; readonly version: string; readonly kind: string },
  hasStatus: boolean,
): CustomDetails {
  const schema = schemaIn(gvk.version)!;
  const scale = version.subresources?.scale;
  const names = namesOf(crd);
  const preserve = crd.spec?.preserveUnknownFields === true;
  const clean = (object: Unstructured, of: ObjectSchema) =>
    preserve ? { object, problems: [] } : cleanCustomResource(object, of);
  const inVersion = (object: Unstructured): Unstructured => ({
    ...object,
    apiVersion: apiVersionOf(gvk),
    kind: gvk.kind,
  });
  const formed = (object: Unstructured, nulls: "drop" | "keep") => {
    const { object: pruned, problems } = clean(object, schema);
    return { object: inVersion(defaultCustomResource(pruned, schema, nulls)), problems };
  };
  const selectableFields = (version.selectableFields ?? []).map(({ jsonPath = "" }) => jsonPath.replace(/^\./, ""));
  return {
    ...(scale !== undefined &&
      scale !== null && {
        scale: {
          specReplicasPath: scale.specReplicasPath ?? "",
          statusReplicasPath: scale.statusReplicasPath ?? "",
          ...(scale.labelSelectorPath !== undefined && { labelSelectorPath: scale.labelSelectorPath }),
        },
      }),
    columns: (version.additionalPrinterColumns ?? []).map((column) => ({
      name: column.name ?? "",
      type: column.type ?? "string",
      jsonPath: column.jsonPath ?? "",
      ...(column.format !== undefined && { format: column.format }),
      ...(column.description !== undefined && { description: column.description }),
      ...(column.priority !== undefined && { priority: column.priority }),
    })),
    selectableFields,
    isEstablished: isEstablished(crd),
    isTerminating: isTrueOf(crd, "Terminating"),
    prepare: (object) => formed(object, "drop"),
    complete: (object) => formed(object, "keep"),
    sound: (object) => {
      const sound = pruneStored(object, schemaIn(parseApiVersion(object.apiVersion ?? "").version) ?? schema);
      return { ...sound, metadata: { ...sound.metadata, generation: sound.metadata?.generation || 1 } };
    },
    whole: (object) => {
      const own = schemaIn(parseApiVersion(object.apiVersion ?? "").version);
      return own === undefined ? object : defaultCustomResource(clean(object, own).object, own);
    },
    converted: (object) => inVersion(clean(object, schema).object),
    validate: (object, old, subresource) => {
      const part = old !== undefined && subresource === "status" ? "status" : "";
      const ofScale = scale === undefined || scale === null ? [] : scaleErrors(object, scale, part);
      return validate(object, old, part, schema, gvk, ofScale);
    },
    openApi: {
      ...gvk,
      resource: names.plural,
      listKind: names.listKind ?? `${gvk.kind}List`,
      namespaced: crd.spec?.scope === "Namespaced",
      schema: version.schema?.openAPIV3Schema,
      status: hasStatus,
      shortNames: names.shortNames ?? [],
      categories: names.categories ?? [],
      scale: scale !== undefined && scale !== null,
      ...(selectableFields.length > 0 && { selectableFields: selectableFields.map((fieldPath) => ({ fieldPath })) }),
    },
  };
}

/** The condition that says that a definition is served, and stays so. */
export function isEstablished(crd: CustomResourceDefinition): boolean {
  return isTrueOf(crd, "Established");
}

/** Errors of these types keep the rules from being run. */
const BLOCKING: ReadonlySet<string> = new Set<FieldError["type"]>([
  "FieldValueNotSupported",
  "FieldValueRequired",
  "FieldValueTooLong",
  "FieldValueTooMany",
  "FieldValueTypeInvalid",
]);
const NOT_RUN =
  "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";

function validate(
  object: Unstructured,
  old: Unstructured | undefined,
  part: "" | "status",
  schema: ObjectSchema,
  gvk: { readonly group: string; readonly version: string; readonly kind: string },
  ofScale: readonly FieldError[],
): readonly FieldError[] {
  const meta = old === undefined ? validateCreate(gvk, object) : validateUpdate(gvk, object, old, "");
  const own = part === "status" ? validateStatus(object, schema, old!) : validateValue(object, schema, old);
  const errors = [...meta, ...own, ...ofScale];
  if (errors.length === 0 && object.metadata === undefined) return [fieldError.required("metadata")];
  if (!errors.some(({ type }) => BLOCKING.has(type))) return [...errors, ...validateRules(object, old, schema)];
  return hasRules(schema) ? [...errors, fieldError.invalid("<nil>", null, NOT_RUN)] : errors;
}
