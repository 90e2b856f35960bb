import { createMetrics } from "@tsukube/host";
import { VirtualClock } from "@tsukube/testing";
import { expect, test } from "vitest";
import { parseRequestInfo } from "./request-info.ts";
import { RequestMetrics } from "./request-metrics.ts";

test("what others took of a request's time counts for its duration, not for the server's own", async () => {
  const metrics = createMetrics();
  const clock = new VirtualClock();
  const requests = new RequestMetrics(metrics, clock);
  const path = "/api/v1/namespaces/default/pods";
  const answered = requests.begin({ method: "POST", headers: {} }, parseRequestInfo("POST", path));
  await clock.advance(900);
  answered({ status: 201, headers: {}, body: new Uint8Array(0) }, 600);
  const sumOf = (name: string): unknown => new RegExp(`^${name}_sum\\{.*\\} (.*)$`, "m").exec(metrics.expose())?.[1];
  expect(sumOf("apiserver_request_duration_seconds")).toBe("0.9");
  expect(sumOf("apiserver_request_sli_duration_seconds")).toBe("0.3");
});
