import { expect, test } from "vitest";
import { messageOf } from "./errors.ts";

test("a message tells its causes, each once", () => {
  const cause = new Error("no space", { cause: new Error("ENOSPC") });
  expect(messageOf(new Error("Cannot write", { cause }))).toBe("Cannot write (no space (ENOSPC))");
  expect(messageOf(new Error("Cannot write: no space (ENOSPC)", { cause }))).toBe("Cannot write: no space (ENOSPC)");
});
