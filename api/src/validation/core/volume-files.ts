import { fieldError } from "../../status/field-error.ts";
import { between, type Check, each, fields, optional, required } from "../check.ts";

/** Permissions of a file. */
export const fileMode: Check = modeUpTo(0o777);

/** Permissions of a directory that everybody may write to, with its sticky bit. */
export const directoryMode: Check = modeUpTo(0o1777);

function modeUpTo(highest: number): Check {
  return (value, at, errors) => {
    const mode = Number(value ?? 0);
    if (mode >= 0 && mode <= highest) return;
    const why = `must be a number between 0 and 0${highest.toString(8)} (octal), both inclusive`;
    errors.push(fieldError.invalid(at, value, why));
  };
}

/** Relative and without "..". */
export const localDescendingPath: Check = (value, at, errors) => {
  const path = String(value ?? "");
  if (path.startsWith("/")) errors.push(fieldError.invalid(at, path, "must be a relative path"));
  noBackSteps(path, at, errors);
};

/** A file of a volume: the names of the volume's own links begin with "..". */
export const localPath: Check = (value, at, errors) => {
  const path = String(value ?? "");
  localDescendingPath(path, at, errors);
  if (path.startsWith("..") && !path.startsWith("../"))
    errors.push(fieldError.invalid(at, path, "must not start with '..'"));
};

export const noBackSteps: Check = (value, at, errors) => {
  const steps = String(value ?? "").split("/");
  if (steps.includes("..")) errors.push(fieldError.invalid(at, value, "must not contain '..'"));
};

/** Whose a file is. */
export const userId: Check = between(0, 2 ** 31 - 1);

export const keyToPaths: Check = each(
  fields({ key: required(), path: required(localPath), mode: optional(fileMode), user: optional(userId) }),
);
