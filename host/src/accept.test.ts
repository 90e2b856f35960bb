import { expect, test } from "vitest";
import { parseAccept } from "./accept.ts";

test("what a client takes is read best first, and kept for the next who sends the same", () => {
  const header = "text/html;q=0.5, application/json;as=Table;v=v1, nonsense, */*;q=0.1";
  const ranges = parseAccept(header);
  expect(ranges.map(({ type }) => type)).toEqual(["application/json", "text/html", "*/*"]);
  expect(ranges[0]?.parameters).toEqual({ as: "Table", v: "v1" });
  expect(parseAccept(header)).toBe(ranges);
});

test("a long header is read each time: nothing of it stays", () => {
  const header = Array.from({ length: 5000 }, (_, index) => `a/b;x=${index}`).join();
  const ranges = parseAccept(header);
  expect(ranges).toHaveLength(5000);
  expect(parseAccept(header)).not.toBe(ranges);
});
