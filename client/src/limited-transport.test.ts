import { expect, test } from "vitest";
import { limitedTransport } from "./limited-transport.ts";
import type { ApiResponse } from "./transport.ts";

const FINE: ApiResponse = { status: 200, headers: {}, body: new Uint8Array() };

/** A limited transport over one whose requests are answered when the test says. */
function setUp(most: number) {
  const begun: string[] = [];
  const ends = new Map<string, PromiseWithResolvers<ApiResponse>>();
  const request = ({ path }: { readonly path: string }): Promise<ApiResponse> => {
    begun.push(path);
    const end = Promise.withResolvers<ApiResponse>();
    ends.set(path, end);
    return end.promise;
  };
  const limited = limitedTransport({ request, close: async () => {} }, most);
  const ask = (path: string): Promise<ApiResponse> => limited.request({ method: "GET", path, headers: {} });
  return { ask, begun, ends };
}

test("requests that are too many begin in their order when others are answered or fail", async () => {
  const { ask, begun, ends } = setUp(2);
  const [a, b, c, d] = ["a", "b", "c", "d"].map(ask);
  expect(begun).toEqual(["a", "b"]);
  ends.get("b")!.resolve(FINE);
  expect(await b).toBe(FINE);
  expect(begun).toEqual(["a", "b", "c"]);
  ends.get("a")!.reject(new Error("broken"));
  await expect(a).rejects.toThrow("broken");
  expect(begun).toEqual(["a", "b", "c", "d"]);
  for (const path of ["c", "d"]) ends.get(path)!.resolve(FINE);
  await Promise.all([c, d]);
  void ask("e");
  void ask("f");
  void ask("g");
  expect(begun.slice(4)).toEqual(["e", "f"]);
});
