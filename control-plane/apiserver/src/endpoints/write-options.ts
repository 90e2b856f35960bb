import { ApiError, type FieldError, fieldError } from "@tsukube/api";

const MAX_MANAGER_BYTES = 128;
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;
const VALIDATIONS = ["", "Ignore", "Strict", "Warn"];

/** Checks dryRun, fieldManager, fieldValidation and force of a create, update or patch, all at once. @throws {ApiError} 422. */
export function checkWriteOptions(
  kind: "CreateOptions" | "UpdateOptions" | "PatchOptions",
  query: URLSearchParams,
  patchType?: string,
): void {
  const errors = [
    ...(patchType === undefined ? [] : patchErrors(patchType, query)),
    ...managerErrors(query.get("fieldManager") ?? ""),
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

function managerErrors(named: string): FieldError[] {
  const errors: FieldError[] = [];
  if (Buffer.byteLength(named) > MAX_MANAGER_BYTES) errors.push(fieldError.tooLong("fieldManager", MAX_MANAGER_BYTES));
  const bad = UNPRINTABLE.exec(named);
  if (bad !== null) {
    const point = (bad[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    const at = Buffer.byteLength(named.slice(0, bad.index));
    errors.push(fieldError.invalid("fieldManager", named, `invalid character U+${point} (at position ${at})`));
  }
  return errors;
}

/** Named by the client, or the User-Agent up to its first slash. */
export function fieldManagerOf(named: string, userAgent: string): string {
  return named !== "" ? named : (userAgent.split("/")[0] ?? "").slice(0, MAX_MANAGER_BYTES);
}
