import { codeOf } from "@tsukube/foundation";
import fc from "fast-check";
import { expect, test } from "vitest";
import { expandWord } from "../src/build/dockerfile/expand.ts";
import { parseDockerfile } from "../src/build/dockerfile/stages.ts";

const piece = fc.oneof(
  fc.constantFrom(
    "FROM a",
    "FROM a AS b",
    "RUN",
    "COPY --from=b",
    "ARG X=1",
    "ENV A=${B:-c}",
    "# escape=`",
    "<<EOF",
    "EOF",
    "[",
    '["a"]',
  ),
  fc.constantFrom("\n", "\\\n", "`\n", " ", "\t", "--x=", '"', "'", "$", "${", "}", "\r\n"),
  fc.string({ maxLength: 8 }),
);
const source = fc.array(piece, { maxLength: 30 }).map((parts) => parts.join(""));

test("any text is a Dockerfile, or refused with its place", () => {
  fc.assert(
    fc.property(source, (text) => {
      try {
        expect(parseDockerfile(text, "f").stages.length).toBeGreaterThan(0);
      } catch (error) {
        expect(codeOf(error)).toBe("invalid");
        expect((error as Error).message).toMatch(/^f:\d+:\d+: /);
      }
    }),
    { numRuns: 2000 },
  );
});

test("any word is expanded or refused, and plain words stay", () => {
  fc.assert(
    fc.property(source, (word) => {
      try {
        expandWord(word, () => "v");
      } catch (error) {
        expect(codeOf(error)).toBe("invalid");
      }
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9/._-]*$/), (word) => {
      expect(expandWord(word, () => "v")).toBe(word);
    }),
  );
});
