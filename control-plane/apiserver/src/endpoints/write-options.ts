import {
  ApiError,
  type FieldError,
  fieldError,
  isPrintable,
  MAX_MANAGER_BYTES,
  managerErrors,
  PLAIN_MANAGER,
  type Unstructured,
} from "@tsukube/api";

const VALIDATIONS = ["", "Ignore", "Strict", "Warn"];

/** Checks dryRun, fieldManager, fieldValidation and force of a create, update or patch, all at once. @throws {ApiError} 422. */
export function checkWriteOptions(
  kind: "CreateOptions" | "UpdateOptions" | "PatchOptions",
  query: URLSearchParams,
  patchType?: string,
): void {
  const errors = [
    ...(patchType === undefined ? [] : patchErrors(patchType, query)),
    ...managerErrors(query.get("fieldManager") ?? "", "fieldManager"),
    ...dryRunErrors(query.getAll("dryRun")),
  ];
  const validation = query.get("fieldValidation") ?? "";
  if (!VALIDATIONS.includes(validation))
    errors.push(fieldError.notSupported("fieldValidation", validation, VALIDATIONS));
  if (errors.length > 0) throw ApiError.invalid({ group: "meta.k8s.io", kind }, "", errors);
}

export function dryRunErrors(values: readonly string[]): FieldError[] {
  if (values.every((value) => value === "All")) return [];
  const detail = 'supported values: "All"';
  return [{ type: "FieldValueNotSupported", field: "dryRun", badValue: values, detail }];
}

function patchErrors(type: string, query: URLSearchParams): FieldError[] {
  if (type === "apply")
    return (query.get("fieldManager") ?? "") === ""
      ? [fieldError.required("fieldManager", "is required for apply patch")]
      : [];
  return query.get("force") === null ? [] : [fieldError.forbidden("force", "may not be specified for non-apply patch")];
}

/** The options of a write as webhooks see them (meta/v1 CreateOptions, UpdateOptions). */
export function writeOptions(operation: "CREATE" | "UPDATE", query: URLSearchParams, dryRun: boolean): Unstructured {
  const [fieldManager, fieldValidation] = [query.get("fieldManager") ?? "", query.get("fieldValidation") ?? ""];
  return {
    kind: operation === "CREATE" ? "CreateOptions" : "UpdateOptions",
    apiVersion: "meta.k8s.io/v1",
    ...(dryRun && { dryRun: ["All"] }),
    ...(fieldManager !== "" && { fieldManager }),
    ...(fieldValidation !== "" && { fieldValidation }),
  };
}

/** Named by the client, or what is printable of the User-Agent (bytes in Latin-1) up to its first slash. */
export function fieldManagerOf(named: string, userAgent: string): string {
  return named !== "" ? named : managerOfAgent(userAgent.split("/")[0] ?? "");
}

function managerOfAgent(prefix: string): string {
  if (PLAIN_MANAGER.test(prefix)) return prefix;
  let [fits, bytes] = ["", 0];
  for (const character of Buffer.from(prefix, "latin1").toString("utf8")) {
    if (!isPrintable(character)) continue;
    bytes += Buffer.byteLength(character);
    if (bytes > MAX_MANAGER_BYTES) break;
    fits += character;
  }
  return fits;
}
