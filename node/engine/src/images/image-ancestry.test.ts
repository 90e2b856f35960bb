import { expect, test } from "vitest";
import { isBuiltOn } from "./image-ancestry.ts";
import type { ImageRecord } from "./image-store.ts";

function image(id: string, chain: readonly string[], steps: readonly string[]): ImageRecord {
  const history = steps.map((created_by) => ({ created_by }));
  return { id, chain, document: JSON.stringify({ rootfs: { diff_ids: [] }, history }) } as unknown as ImageRecord;
}

test("an image is built on those whose layers and steps it goes on with", () => {
  const base = image("base", ["a"], ["COPY a"]);
  const child = image("child", ["a", "b"], ["COPY a", "COPY b"]);
  const configured = image("configured", ["a"], ["COPY a", "ENV c=1"]);
  const other = image("other", ["a"], ["COPY x"]);
  const empty = image("empty", [], []);
  const all = [base, child, configured, other, empty];
  const descendants = (of: ImageRecord) => all.filter((each) => isBuiltOn(each, of)).map(({ id }) => id);
  expect(descendants(base)).toEqual(["base", "child", "configured"]);
  expect(all.slice(1).map(descendants)).toEqual([["child"], ["configured"], ["other"], ["empty"]]);
});
