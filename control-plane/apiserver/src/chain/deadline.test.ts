import { VirtualClock } from "@tsukube/testing";
import { expect, test } from "vitest";
import { deadlineOf, within } from "./deadline.ts";
import { parseRequestInfo } from "./request-info.ts";

const asked = (timeout: string) => deadlineOf(parseRequestInfo("GET", `/version?timeout=${timeout}`));

test("a client says how long it waits, but no longer than a minute", () => {
  expect(asked("1.5s")).toBe(1500);
  expect(["", "0s", "3m"].map(asked)).toEqual([undefined, undefined, undefined]);
  expect(() => asked("invalid")).toThrow(
    'invalid timeout specified in the request URL - time: invalid duration "invalid"',
  );
});

test("what takes longer is answered with 504", async () => {
  const clock = new VirtualClock();
  const late = within(1000, clock, new Promise(() => {})).catch((error: unknown) => error);
  await clock.advance(1001);
  expect(await late).toMatchObject({ httpCode: 504, status: { reason: "Timeout" } });
  expect(await within(1000, clock, Promise.resolve("x"))).toBe("x");
});
