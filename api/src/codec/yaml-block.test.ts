import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeYamlUnstructured, encodeYaml } from "./yaml.ts";
import { jsonOfBlockYaml } from "./yaml-block.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const LONG = `# ${"x".repeat(1000)}\n`;

/** What a text means, or why it means nothing, but for the number of a line. */
function meaning(text: string): unknown {
  try {
    const { object, problems } = decodeYamlUnstructured(bytes(text));
    return { object, problems: problems.map((problem) => problem.replaceAll(/line \d+/g, "line")) };
  } catch (error) {
    return String(error).replace(/line \d+/, "line");
  }
}

/** A directive makes it one for the whole parser. */
function parsed(text: string): unknown {
  return meaning(text.startsWith("---") ? `%YAML 1.1\n${text}` : `%YAML 1.1\n---\n${text}`);
}

const isRead = (text: string): boolean => jsonOfBlockYaml(text, () => "null") !== undefined;

const SCALARS = [
  ...[
    "",
    "a",
    "a b",
    "x: y",
    "a:b",
    "a #b",
    "a#b",
    "# c",
    "yes",
    "No",
    "null",
    "~",
    "a:",
    "ends ",
    "é世",
    "/bin/sh",
    "a\tb",
  ],
  ...[
    "0",
    "-7",
    "010",
    "1_000",
    "0x1F",
    "1.5",
    "1e3",
    "1.2.3",
    "100Mi",
    "10m",
    ".5",
    ".",
    ".nan",
    "2025-01-01",
    "22:22",
    "1: 2",
  ],
  ...[
    "9007199254740993",
    "99999999999999999999",
    "-",
    "--",
    "---",
    "...",
    "- x",
    "?",
    "? x",
    "%x",
    "@x",
    "`x",
    ">",
    "|",
    "|-",
    "|+",
    ">-",
  ],
  ...[
    '"a"',
    '"a\\n\\"b"',
    '"\\x41"',
    '"a',
    '"a" # c',
    '"a"b',
    '"a": 1',
    "'a'",
    "'it''s'",
    "'a",
    "'a' #c",
    '"\t"',
    '"a\u00a0"',
    "a\u00a0",
  ],
  ...[
    "{}",
    "[]",
    "[a, b]",
    "{a: b}",
    "{a: b, a: c}",
    "[a",
    "{a: b}: c",
    "[1, yes, ~]",
    "[*a]",
    "&a b",
    "*a",
    "!!str 1",
    "<<",
    "a, b",
    "a]",
  ],
];
const KEYS = [
  "a",
  "b",
  "c.d/e-f",
  "name",
  '"q"',
  "'s'",
  "yes",
  "1",
  "<<",
  "key with space",
  "__proto__",
  "a\u00e9",
  "null",
  "n",
];

const line = fc
  .tuple(
    fc.constantFrom(0, 0, 0, 1, 2, 2, 2, 3, 4, 4, 6),
    fc.constantFrom("", "", "", "- ", "-   ", "- - "),
    fc.constantFrom(...KEYS.map((key) => `${key}: `), ...KEYS.map((key) => `${key}:  `), ""),
    fc.constantFrom(...SCALARS, "", "", "|", "|-"),
    fc.constantFrom("", "", "", " ", "\t", "\r"),
  )
  .map(([indent, dash, key, value, end]) => `${" ".repeat(indent)}${dash}${key}${value}${end}`);

test("whatever the lines are, they mean what they mean to a whole parser", () => {
  let read = 0;
  const property = fc.property(
    fc.array(line, { minLength: 1, maxLength: 7 }),
    fc.constantFrom("", "\n", "\n\n", "\n  "),
    (lines, end) => {
      const text = `${lines.join("\n")}${end}`;
      if (isRead(text)) read += 1;
      expect(meaning(LONG + text)).toEqual(parsed(text));
    },
  );
  fc.assert(property, { numRuns: Number(process.env["FUZZ"] ?? 1000), seed: 11 });
  expect(read).toBeGreaterThan(5);
});

test("what was encoded is read, and means the same after changes", () => {
  let read = 0;
  const change = fc.record({
    at: fc.nat(),
    cut: fc.nat(3),
    put: fc.constantFrom("", " ", "  ", "\n", ":", "#", "-", '"', "'", "|", "a"),
  });
  const json = fc.dictionary(fc.constantFrom("a", "b", "spec", "x-y"), fc.jsonValue({ maxDepth: 4 }));
  const property = fc.property(json, fc.array(change, { maxLength: 2 }), (value, changes) => {
    let text = Buffer.from(encodeYaml(value, undefined)).toString();
    if (isRead(text)) read += 1;
    for (const { at, cut, put } of changes) {
      const from = at % (text.length + 1);
      text = text.slice(0, from) + put + text.slice(from + cut);
    }
    expect(meaning(LONG + text)).toEqual(parsed(text));
  });
  fc.assert(property, { numRuns: Number(process.env["FUZZ"] ?? 100), seed: 12 });
  expect(read).toBeGreaterThan(5);
});

test("a manifest as people write it needs no whole parser", () => {
  const text = `---
# a Deployment
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web   # its name
  labels: {app: web}
  annotations:
    "example.com/note": 'it''s fine'
spec:
  replicas: 2
  template:
    spec:
      containers:
      - name: a
        image: "registry.example.com:5000/a:1"
        command: [sh, -c]
        args:
          - |
            set -e

            exec a --b="c: d"   # not a comment
        resources:
          limits: {}
        emptyDir:
`;
  expect(isRead(text)).toBe(true);
  const { object } = decodeYamlUnstructured<{ spec: { template: { spec: { containers: object[] } } } }>(
    bytes(LONG + text),
  );
  expect(object).toMatchObject({ metadata: { name: "web", labels: { app: "web" } }, spec: { replicas: 2 } });
  expect(object.spec.template.spec.containers[0]).toMatchObject({
    args: ['set -e\n\nexec a --b="c: d"   # not a comment\n'],
    command: ["sh", "-c"],
    emptyDir: null,
  });
});

test("a long value in brackets is left to a whole parser", () => {
  const list = Array.from({ length: 500 }, (_, index) => `a${index}`);
  expect(decodeYamlUnstructured(bytes(`a: [${list.join(", ")}]\nb: c\n`)).object).toEqual({ a: list, b: "c" });
});
