import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";

const ROOT = dirname(dirname(import.meta.dirname));
const DOCUMENT = "docs/compatibility.md";
const lines = readFileSync(join(ROOT, DOCUMENT), "utf8").split("\n");

/** Where each label leads. */
const FILES = new Map(
  lines.flatMap((line) => {
    const [, label = "", path = ""] = /^\[([\w-]+)\]: \.\.\/(\S+)$/.exec(line) ?? [];
    return label === "" ? [] : [[label, path] as const];
  }),
);

interface Row {
  readonly what: string;
  readonly tests: string;
}

const isHead = (line: string): boolean => /^\| (What clients see|What is recorded|---) \|/.test(line);
const ROWS: readonly Row[] = lines
  .filter((line) => line.startsWith("|") && !isHead(line))
  .map((line) => {
    const cells = line.slice(2, -2).split(" | ");
    return { what: `${cells[0]}: ${cells[1]}`, tests: cells.length === 3 ? cells[2]! : "" };
  });

const REFERENCE = /\[([\w-]+)\] `([^`]+)`/g;

/** A test's text without comments, with the recorded answers that it takes its rows from. */
function textOf(path: string): string {
  const text = readFileSync(join(ROOT, path), "utf8");
  const facts = [...text.matchAll(/["/]facts\/([\w-]+\.json)"/g)].map(([, name]) => join(ROOT, "api/facts", name!));
  return [withoutComments(text), ...facts.filter(existsSync).map((fact) => readFileSync(fact, "utf8"))].join("\n");
}

function withoutComments(text: string): string {
  return text.replaceAll(/^\s*(?:\/\/|\/?\*).*$| \/\/ .*$/gm, "");
}

/** Of a test, a group or a table's call of one; or of a row, which is in a list or an object. */
const BEFORE_TITLE = /(?:(?:^|[^.\w])(?:test|it|describe)(?:\.\w+)*\(|\)\(|[[{,:])\s*$/;

/** A title is a whole literal, where titles are. */
function isTitle(title: string, text: string): boolean {
  const escaped = JSON.stringify(title).slice(1, -1);
  return [`"${escaped}"`, `'${title}'`, `\`${title.replaceAll("\\", "\\\\")}\``].some((literal) =>
    text
      .split(literal)
      .slice(0, -1)
      .some((before) => BEFORE_TITLE.test(before.slice(-100))),
  );
}

test.each([
  ['test("title", () => {', true],
  ['describe.skipIf(isPeer)("title", () => {', true],
  ["test.each([\n  [1],\n])(`title`, () => {", true],
  ['  [\n    "title",', true],
  ['{ name: "title" }', true],
  ['// test("title")', false],
  ['  work(); // as [ "title" ]', false],
  [' * { "title" }', false],
  ['expect(said).toBe("title")', false],
  ['request("title")', false],
  ['test("title and more")', false],
])("of %j it is %s that it has a title", (text, has) => {
  expect(isTitle("title", withoutComments(text))).toBe(has);
});

test.each([...FILES.values()])("%s skips none of its tests for good", (path) => {
  expect(withoutComments(readFileSync(join(ROOT, path), "utf8"))).not.toMatch(
    /\b(?:test|it|describe)(?:\.\w+)*\.(?:skip|todo)\b/,
  );
});

test("the document has a row for each thing that clients depend on, each label once", () => {
  expect(ROWS.length).toBeGreaterThan(200);
  expect(new Set(ROWS.map(({ what }) => what)).size).toBe(ROWS.length);
  expect(lines.filter((line) => /^\[[\w-]+\]: /.test(line)).length).toBe(FILES.size);
});

test.each(ROWS.map(({ what, tests }) => [what, tests] as const))("%s has its tests", (_what, tests) => {
  expect(tests.replaceAll(REFERENCE, "").replaceAll("<br>", "")).toBe("");
  const references = [...tests.matchAll(REFERENCE)].map(([, label = "", title = ""]) => ({ label, title }));
  expect(references.length).toBeGreaterThan(0);
  for (const { label, title } of references) {
    const path = FILES.get(label);
    expect(path, `[${label}] leads nowhere`).toBeDefined();
    expect(isTitle(title, textOf(path!)), `${path} has "${title}"`).toBe(true);
  }
});

test("every file that is named is used", () => {
  const used = new Set(ROWS.flatMap(({ tests }) => [...tests.matchAll(REFERENCE)].map(([, label]) => label)));
  expect([...FILES.keys()].filter((label) => !used.has(label))).toEqual([]);
});
