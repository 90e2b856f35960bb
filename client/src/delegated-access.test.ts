import { VirtualClock } from "@tsukube/testing";
import { beforeEach, expect, test } from "vitest";
import { DelegatedAccess } from "./delegated-access.ts";
import type { Client } from "./types.ts";

const extra = { "authentication.kubernetes.io/credential-id": ["JTI=1"], scopes: ["a", "b"] };
const asked: object[] = [];
let clock: VirtualClock;
let access: DelegatedAccess;

/** Knows every token, as a user called as the token, and lets everybody do everything. */
const create = async ({ kind, spec }: { kind: string; spec: { token?: string } }) => {
  if (kind === "TokenReview")
    return { status: { authenticated: true, user: { username: spec.token, uid: "u", extra } } };
  asked.push(spec);
  return { status: { allowed: true } };
};

beforeEach(() => {
  asked.length = 0;
  clock = new VirtualClock(0);
  const client = { resource: () => ({ create }) } as unknown as Client;
  access = new DelegatedAccess({ client, clock, rememberMs: 1000 });
});

const ANN = { username: "ann", groups: [] };
const isAllowed = (path: string, user: Parameters<typeof access.isAllowed>[0] = ANN) =>
  access.isAllowed(user, { nonResourceAttributes: { path, verb: "get" } });

test("the API server is told all that it told of a user", async () => {
  const user = await access.authenticate({ peer: undefined, headers: { authorization: "Bearer ann" } });
  if (user === undefined || user === "nobody") throw new Error("expected a user");
  await isAllowed("/metrics", user);
  expect(asked).toEqual([
    { user: "ann", groups: [], uid: "u", extra, nonResourceAttributes: { path: "/metrics", verb: "get" } },
  ]);
  await isAllowed("/metrics", user);
  expect(asked).toHaveLength(1);
  await isAllowed("/metrics", { ...user, extra: { scopes: ["a"] } });
  expect(asked).toHaveLength(2);
});

test("decisions about long attributes are not remembered", async () => {
  const short = `/${"s".repeat(9995)}`;
  for (const path of [short, short, `${short}x`, `${short}x`]) await isAllowed(path);
  expect(asked).toHaveLength(3);
});

test("of many decisions the newest are remembered, of a decision asked for again the last answer", async () => {
  for (let index = 0; index < 999; index += 1) await isAllowed(`/${index}`);
  await clock.advance(500);
  await isAllowed("/late");
  await clock.advance(500);
  await isAllowed("/0");
  for (let index = 1000; index < 1998; index += 1) await isAllowed(`/${index}`);
  asked.length = 0;
  for (const path of ["/late", "/0", "/1000", "/1997"]) await isAllowed(path);
  expect(asked).toEqual([]);
  await isAllowed("/1998");
  asked.length = 0;
  await isAllowed("/0");
  expect(asked).toEqual([]);
  await isAllowed("/late");
  expect(asked).toHaveLength(1);
});
