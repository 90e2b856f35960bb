import { expect, test } from "vitest";
import { scanDockerfile } from "./scan.ts";

const scan = (text: string) => scanDockerfile(text, "Dockerfile").instructions;

test("lines go on behind a backslash, over comments and empty lines", () => {
  const [from, run] = scan("FROM a\nRUN one \\\n  # not this\n\n  two\\\n three\n");
  expect(from).toMatchObject({ keyword: "FROM", args: "a", at: { line: 1, column: 1 } });
  expect(run).toMatchObject({ keyword: "RUN", args: "one   two three", at: { line: 2 } });
});

test("another escapeChar is set by a directive, which stands before everything else", () => {
  expect(scanDockerfile("# escape=`\nFROM a\nRUN b `\n c", "f").instructions[1]?.args).toBe("b  c");
  expect(scanDockerfile("# note\n# escape=`\nFROM a", "f").escapeChar).toBe("\\");
  expect(() => scan("# escape=x\nFROM a")).toThrow(/^Dockerfile:1:1: escape is "x"/);
});

test("flags end at the first other word", () => {
  const [copy] = scan('COPY --from=a --chown="1:2" --link b --not-a-flag c');
  expect(copy?.flags).toEqual([{ name: "from", value: "a" }, { name: "chown", value: "1:2" }, { name: "link" }]);
  expect(copy?.args).toBe("b --not-a-flag c");
  expect(scan("ENV --a=b")[0]?.flags).toEqual([]);
});

test("a JSON array of strings is words, any other bracket is the shell's", () => {
  expect(scan('CMD ["a", "b\\"c"]')[0]?.json).toEqual(["a", 'b"c']);
  expect(scan("CMD [ -f x ] && y")[0]?.json).toBeUndefined();
  expect(scan("CMD [1]")[0]?.json).toBeUndefined();
});

test("here-documents follow their instruction", () => {
  const [run, copy, last] = scan("RUN <<EOF\nfoo\n# bar\nEOF\nCOPY <<a <<-'b' /x\n$1\na\n\t$2\n\tb\nUSER u\n");
  expect(run?.heredocs).toEqual([{ name: "EOF", content: "foo\n# bar\n", expand: true }]);
  expect(copy?.heredocs).toEqual([
    { name: "a", content: "$1\n", expand: true },
    { name: "b", content: "$2\n", expand: false },
  ]);
  expect(last?.keyword).toBe("USER");
  expect(scan("RUN echo \"a <<EOF b\" '<<EOF' \\<<EOF\nUSER u").map(({ heredocs }) => heredocs)).toEqual([[], []]);
  expect(() => scan("RUN <<EOF\nfoo\n")).toThrow(/Dockerfile:1:1: here-document "EOF" has no end/);
});

test("an error says where it is and what was meant", () => {
  expect(() => scan("FROM a\n  COPPY b c")).toThrow('Dockerfile:2:3: unknown instruction "COPPY", did you mean COPY?');
  expect(() => scan("FROM a\nEXPOSE")).toThrow("Dockerfile:2:1: EXPOSE lacks its arguments");
  expect(() => scan("FROM a\n RUN --network=none --wrong=1 true")).toThrow(
    "Dockerfile:2:21: RUN has no flag --wrong, expected one of --mount, --network, --security",
  );
  expect(() => scan("FROM a\nADD --from=b c d")).toThrow("Dockerfile:2:5: ADD has no flag --from");
});
