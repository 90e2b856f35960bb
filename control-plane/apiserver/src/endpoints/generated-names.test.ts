import { systemRandom } from "@tsukube/host";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWireServer, type WireServer } from "../../test/wire-server.ts";

const MAPS = "/api/v1/namespaces/default/configmaps";

/** What the next names end in; what is random otherwise when there is none left. */
let suffixes: number[] = [];
let server: WireServer;
beforeAll(async () => {
  const bytes = (length: number): Uint8Array => {
    const next = length === 5 ? suffixes.shift() : undefined;
    return next === undefined ? systemRandom.bytes(length) : new Uint8Array(5).fill(next);
  };
  server = await startWireServer({ random: { ...systemRandom, bytes } });
});
afterAll(() => server.close());

const create = () => server.admin.send("POST", MAPS, { metadata: { generateName: "n-" } });

test("a generated name that is taken is made anew, up to seven times", async () => {
  suffixes = [0];
  expect((await create()).object.metadata?.name).toBe("n-bbbbb");
  suffixes = [0, 0, 0, 0, 0, 0, 0, 1];
  expect((await create()).object.metadata?.name).toBe("n-ccccc");
  suffixes = [0, 1, 0, 1, 0, 1, 0, 1, 2];
  const { code, object } = await create();
  expect([code, object.reason, object.details?.retryAfterSeconds]).toEqual([409, "AlreadyExists", 1]);
  expect(object.message).toMatch(/the server was not able to generate a unique name for the object$/);
  expect(suffixes).toEqual([2]);
});
