import { fieldError } from "../../status/field-error.ts";
import { between, type Check, each, fields, optional, required } from "../check.ts";

export const fileMode: Check = (value, at, errors) => {
  const mode = Number(value ?? 0);
  if (mode < 0 || mode > 0o777) {
    errors.push(fieldError.invalid(at, value, "must be a number between 0 and 0777 (octal), both inclusive"));
  }
};

/** Relative and without "..". */
export const descendingPath: Check = (value, at, errors) => {
  const path = String(value ?? "");
  if (path.startsWith("/")) errors.push(fieldError.invalid(at, path, "must be a relative path"));
  noBackSteps(path, at, errors);
};

/** A file of a volume: the names of the volume's own links begin with "..". */
export const localPath: Check = (value, at, errors) => {
  const path = String(value ?? "");
  descendingPath(path, at, errors);
  if (path.startsWith("..") && path.split("/")[0] !== "..")
    errors.push(fieldError.invalid(at, path, "must not start with '..'"));
};

export const noBackSteps: Check = (value, at, errors) => {
  if (
    String(value ?? "")
      .split("/")
      .includes("..")
  )
    errors.push(fieldError.invalid(at, value, "must not contain '..'"));
};

/** Whose a file is. */
export const userId: Check = between(0, 2 ** 31 - 1);

export const keyToPaths: Check = each(
  fields({ key: required(), path: required(localPath), mode: optional(fileMode), user: optional(userId) }),
);
