import { createMetrics } from "@tsukube/host";
import { VirtualClock } from "@tsukube/testing";
import { expect, test } from "vitest";
import { measuredTransport } from "./measured-transport.ts";
import type { ApiRequest, ApiResponse } from "./transport.ts";

test("requests are counted by their answers, and how long those took that are no watches", async () => {
  const clock = new VirtualClock();
  const metrics = createMetrics();
  const answers: (() => ApiResponse)[] = [
    () => ({ status: 200, headers: {}, body: new Uint8Array() }),
    () => ({ status: 200, headers: {}, body: new Uint8Array() }),
    () => ({ status: 409, headers: {}, body: new Uint8Array() }),
    () => {
      throw new Error("refused");
    },
  ];
  const inner = {
    async request(_request: ApiRequest) {
      await clock.sleep(300);
      return answers.shift()!();
    },
    close: async () => {},
  };
  const transport = measuredTransport(inner, { metrics, clock, host: "127.0.0.1:6443" });
  const paths = ["/?watchers=true", "/?limit=1&watch=true", "/", "/"];
  for (const [index, path] of paths.entries()) {
    const method = index < 2 ? "GET" : "PUT";
    const answer = transport.request({ method, path, headers: {} }).catch(() => undefined);
    await clock.advance(300);
    await answer;
  }
  const lines = metrics.expose().split("\n");
  expect(lines.filter((line) => line.startsWith("rest_client_requests_total{"))).toEqual([
    'rest_client_requests_total{code="200",method="GET",host="127.0.0.1:6443"} 2',
    'rest_client_requests_total{code="409",method="PUT",host="127.0.0.1:6443"} 1',
    'rest_client_requests_total{code="<error>",method="PUT",host="127.0.0.1:6443"} 1',
  ]);
  for (const [verb, sum] of [
    ["GET", 0.3],
    ["PUT", 0.6],
  ])
    expect(lines).toContain(`rest_client_request_duration_seconds_sum{verb="${verb}",host="127.0.0.1:6443"} ${sum}`);
});
