import { createMetrics } from "@tsukube/host";
import { VirtualClock } from "@tsukube/testing";
import { expect, test } from "vitest";
import type { RequestInfo } from "../contracts.ts";
import { parseRequestInfo } from "./request-info.ts";
import { RequestMetrics } from "./request-metrics.ts";

test("what others took of a request's time counts for its duration, not for the server's own", async () => {
  const metrics = createMetrics();
  const clock = new VirtualClock();
  const requests = new RequestMetrics(metrics, clock, () => true);
  const path = "/api/v1/namespaces/default/pods";
  const answered = requests.begin({ method: "POST", headers: {} }, parseRequestInfo("POST", path));
  await clock.advance(900);
  answered({ status: 201, headers: {}, body: new Uint8Array(0) }, 600);
  const sumOf = (name: string): unknown => new RegExp(`^${name}_sum\\{.*\\} (.*)$`, "m").exec(metrics.expose())?.[1];
  expect(sumOf("apiserver_request_duration_seconds")).toBe("0.9");
  expect(sumOf("apiserver_request_sli_duration_seconds")).toBe("0.3");
});

test("what clients make up does not become labels", () => {
  const metrics = createMetrics();
  const isPods = ({ resource }: RequestInfo): boolean => resource === "pods";
  const requests = new RequestMetrics(metrics, new VirtualClock(), isPods);
  const ask = (method: string, path: string): void => {
    const answered = requests.begin({ method, headers: {} }, parseRequestInfo(method, path));
    answered({ status: 404, headers: {}, body: new Uint8Array(0) }, 0);
  };
  ask("GET", "/api/v1/pods?dryRun=All");
  const lines = (): number => metrics.expose().split("\n").length;
  const made = (n: number): void => {
    ask("GET", `/apis/g${n}/v1/r${n}`);
    ask("POST", `/api/v1/namespaces/x/r${n}/y/s${n}`);
    ask("GET", `/api/v1/pods?dryRun=${n}`);
    ask(`M${n}`, "/nothing");
    ask(`M${n}`, "/api/v1/pods");
  };
  made(0);
  const before = lines();
  for (let n = 1; n < 20; n += 1) made(n);
  expect(lines()).toBe(before);
  expect(metrics.expose()).toContain('dry_run="invalid"');
});
