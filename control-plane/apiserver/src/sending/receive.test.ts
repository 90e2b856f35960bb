import { VirtualClock } from "@tsukube/testing";
import { expect, test } from "vitest";
import { receive } from "./receive.ts";

test("a body is waited for a minute, and has its limit", async () => {
  const clock = new VirtualClock();
  const never = receive({ isWhole: false, body: () => new Promise(() => {}) }, clock).catch((error: unknown) => error);
  await clock.advance(61_000);
  expect(await never).toMatchObject({
    httpCode: 504,
    status: { reason: "Timeout", message: "Timeout: request did not complete within the allotted timeout" },
  });
  const large = receive({ isWhole: false, body: () => Promise.reject(new Error("too large")) }, clock);
  await expect(large).rejects.toMatchObject({ httpCode: 413 });
  expect(await receive({ isWhole: true, body: async () => Buffer.from("x") }, clock)).toEqual(Buffer.from("x"));
});
