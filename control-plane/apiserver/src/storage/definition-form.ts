import { decodeUnstructured, encodeUnstructured } from "@tsukube/api";

type Tree = { readonly [name: string]: unknown };

/** What v1beta1 keeps once, above its versions, when all of them have the same. Its name there, and per version. */
const SHARED = [
  ["validation", "schema"],
  ["subresources", "subresources"],
  ["additionalPrinterColumns", "additionalPrinterColumns"],
  ["selectableFields", "selectableFields"],
] as const;

/** A CustomResourceDefinition of v1 as upstream stores it: v1beta1, a version that nobody serves any more. */
export function definitionToStored(value: Uint8Array): Uint8Array {
  const object = decodeUnstructured<Tree>(value, { collectProblems: false }).object;
  const { versions = [], conversion, preserveUnknownFields = false, ...rest } = object["spec"] as Spec;
  const top: Record<string, unknown> = {};
  let below = versions.map((version) => renameColumns(version, "jsonPath", "JSONPath"));
  for (const [name, own] of SHARED) {
    const [first] = below;
    if (first === undefined || below.some((version) => !isSame(version[own], first[own]))) continue;
    // fields to select by stand beside the schema that they are of
    if (name === "selectableFields" && !("validation" in top)) continue;
    if (first[own] !== undefined) top[name] = first[own];
    below = below.map(({ [own]: _moved, ...version }) => version);
  }
  const spec = {
    ...rest,
    ...top,
    ...(versions[0] !== undefined && { version: versions[0]["name"] }),
    versions: below,
    ...(conversion !== undefined && { conversion: conversionToStored(conversion) }),
    preserveUnknownFields,
  };
  return encodeUnstructured({ ...object, apiVersion: "apiextensions.k8s.io/v1beta1", spec });
}

/** JSON of v1, whatever version the bytes are in. */
export function definitionFromStored(value: Uint8Array): Uint8Array {
  const object = decodeUnstructured<Tree>(value, { collectProblems: false }).object;
  if (object["apiVersion"] === "apiextensions.k8s.io/v1") return value;
  const { version, versions = [], conversion, preserveUnknownFields, ...rest } = object["spec"] as Spec;
  const spec: Record<string, unknown> = { ...rest };
  const shared = Object.fromEntries(
    SHARED.flatMap(([name, own]) => (rest[name] === undefined ? [] : [[own, rest[name]] as const])),
  );
  for (const [name] of SHARED) delete spec[name];
  const listed = versions.length > 0 ? versions : [{ name: version, served: true, storage: true }];
  spec["versions"] = listed.map((one) => renameColumns({ ...one, ...shared }, "JSONPath", "jsonPath"));
  if (conversion !== undefined) spec["conversion"] = conversionFromStored(conversion);
  if (preserveUnknownFields === true) spec["preserveUnknownFields"] = true;
  return encodeUnstructured({ ...object, apiVersion: "apiextensions.k8s.io/v1", spec });
}

type Spec = Tree & {
  readonly versions?: readonly Tree[];
  readonly conversion?: Tree;
  readonly preserveUnknownFields?: boolean;
  readonly version?: string;
};

function renameColumns(version: Tree, from: string, to: string): Tree {
  const columns = version["additionalPrinterColumns"] as readonly Tree[] | undefined;
  if (columns === undefined) return version;
  const renamed = columns.map(({ [from]: path, ...column }) => ({ ...column, [to]: path }));
  return { ...version, additionalPrinterColumns: renamed };
}

function conversionToStored({ webhook, ...rest }: Tree): Tree {
  const { clientConfig, conversionReviewVersions } = (webhook ?? {}) as Tree;
  return {
    ...rest,
    ...(clientConfig !== undefined && { webhookClientConfig: clientConfig }),
    ...(conversionReviewVersions !== undefined && { conversionReviewVersions }),
  };
}

function conversionFromStored({ webhookClientConfig, conversionReviewVersions, ...rest }: Tree): Tree {
  if (webhookClientConfig === undefined && (conversionReviewVersions ?? undefined) === undefined) return rest;
  const webhook = {
    ...(webhookClientConfig !== undefined && { clientConfig: webhookClientConfig }),
    ...((conversionReviewVersions ?? undefined) !== undefined && { conversionReviewVersions }),
  };
  return { ...rest, webhook };
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || Buffer.compare(encodeUnstructured(a ?? null), encodeUnstructured(b ?? null)) === 0;
}
