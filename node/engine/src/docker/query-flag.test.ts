import { expect, test } from "vitest";
import { isTrue } from "./query-flag.ts";

test.each([null, "", "0", "no", "false", "False", " none "])("%j is no", (value) => expect(isTrue(value)).toBe(false));
test.each(["1", "true", "True", "yes", "on"])("%j is yes", (value) => expect(isTrue(value)).toBe(true));
