import { VirtualClock } from "@tsukube/testing";
import { describe, expect, test } from "vitest";
import { createClient } from "./api-client.ts";
import type { ApiResponse } from "./transport.ts";

const BUSY: ApiResponse = {
  status: 429,
  headers: { "retry-after": "2", "content-type": "text/plain; charset=utf-8" },
  body: Buffer.from("Too many requests, please try again later.\n"),
};
const FINE: ApiResponse = { status: 200, headers: {}, body: Buffer.from("{}") };

function clientOf(answers: readonly ApiResponse[]) {
  const clock = new VirtualClock();
  const asked: number[] = [];
  const request = async (): Promise<ApiResponse> => {
    asked.push(clock.monotonic());
    return answers[Math.min(asked.length, answers.length) - 1]!;
  };
  const client = createClient({ request, close: async () => {} }, { userAgent: "test", clock });
  return { clock, asked, get: () => client.raw("GET", "/api") };
}

describe("a client of a server that is busy", () => {
  test("comes again when the server says", async () => {
    const { clock, asked, get } = clientOf([BUSY, BUSY, FINE]);
    const answer = get();
    await clock.advance(10_000);
    expect(await answer).toEqual({});
    expect(asked).toEqual([0, 2000, 4000]);
  });

  test("gives up after ten times", async () => {
    const { clock, asked, get } = clientOf([BUSY]);
    const answer = expect(get()).rejects.toMatchObject({
      httpCode: 429,
      message: "the server has received too many requests and has asked us to try again later",
    });
    await clock.advance(60_000);
    await answer;
    expect(asked).toHaveLength(11);
  });

  test("does not come again when it is not asked to", async () => {
    const { asked, get } = clientOf([{ ...BUSY, headers: {} }]);
    await expect(get()).rejects.toMatchObject({ httpCode: 429 });
    expect(asked).toHaveLength(1);
  });
});
