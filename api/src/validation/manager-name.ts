import { type FieldError, fieldError, isPrintable } from "../status/field-error.ts";
import { byteLength } from "./object-meta.ts";

export const MAX_MANAGER_BYTES = 128;

/** Nearly every name. */
export const PLAIN_MANAGER = /^[ -~]{0,128}$/;

/** What is wrong with the name of a field manager. */
export function managerErrors(name: string, at: string): FieldError[] {
  if (PLAIN_MANAGER.test(name)) return [];
  const errors = byteLength(name) > MAX_MANAGER_BYTES ? [fieldError.tooLong(at, MAX_MANAGER_BYTES)] : [];
  let position = 0;
  for (const character of name) {
    const point = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    if (!isPrintable(character))
      errors.push(fieldError.invalid(at, name, `invalid character U+${point} (at position ${position})`));
    position += byteLength(character);
  }
  return errors;
}
