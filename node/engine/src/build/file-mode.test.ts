import { expect, test } from "vitest";
import { modeChange } from "./file-mode.ts";

test.each([
  ["755", 0o644, false, 0o755],
  ["4711", 0, false, 0o4711],
  ["u+x", 0o644, false, 0o744],
  ["+x", 0o644, false, 0o755],
  ["a-w", 0o666, false, 0o444],
  ["u=rwX,go=rX", 0o600, false, 0o644],
  ["u=rwX,go=rX", 0o700, false, 0o755],
  ["u=rwX,go=rX", 0o600, true, 0o755],
  ["go=", 0o777, false, 0o700],
  ["g=u", 0o640, false, 0o660],
  ["u+s,g+s", 0o755, false, 0o6755],
  ["+t", 0o777, true, 0o1777],
  ["u-x+w", 0o500, false, 0o600],
])("%s makes of %o (folder: %s) %o", (text, mode, isFolder, wanted) => {
  expect(modeChange(text)?.(mode, isFolder)).toBe(wanted);
});

test.each(["8", "77777", "u", "x+r", "u+z", "u=r,", "", "rw"])("%j is no mode", (text) => {
  expect(modeChange(text)).toBeUndefined();
});
