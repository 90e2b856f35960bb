import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { silentLogger } from "@tsukube/foundation";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DockerDeps } from "./contracts.ts";
import { askDocker } from "./docker-client-under-test.ts";
import { DockerServer } from "./docker-server.ts";

const folder = await mkdtemp(join(tmpdir(), "tsukube-documents-"));
const socket = join(folder, "docker.sock");
const unused = new Proxy({}, { get: () => () => expect.unreachable("a document that cannot be was taken") });
const server = new DockerServer({
  ...{ isRootless: false, uploads: join(folder, "uploads"), logger: silentLogger, networks: { find: () => undefined } },
  ...{ dockerContainers: { store: { get: () => ({ id: "a", state: { status: "running" } }) }, update: unused } },
  ...{ images: unused, volumes: unused, execs: { create: () => expect.unreachable() }, transfer: unused },
} as unknown as DockerDeps);
beforeAll(() => server.listen(socket));
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

const CREATE = "/containers/create";
test.each([
  [CREATE, { Image: 5 }, "Image is of type number (5), expected string"],
  [CREATE, { Labels: { a: 5 } }, "Labels.a is of type number (5), expected string"],
  [CREATE, { Cmd: [1] }, "Cmd[0] is of type number (1), expected string"],
  [CREATE, { Env: {} }, "Env is of type object, expected list"],
  [CREATE, { Healthcheck: { Test: "x" } }, 'Healthcheck.Test is of type string ("x"), expected list'],
  [CREATE, { HostConfig: { Binds: "x" } }, 'HostConfig.Binds is of type string ("x"), expected list'],
  [CREATE, { HostConfig: { Memory: 1.5 } }, "HostConfig.Memory is of type number (1.5), expected integer"],
  [
    CREATE,
    { HostConfig: { PortBindings: { "80/tcp": "x" } } },
    'HostConfig.PortBindings.80/tcp is of type string ("x")',
  ],
  [CREATE, { NetworkingConfig: { EndpointsConfig: { a: [] } } }, "NetworkingConfig.EndpointsConfig.a is of type list"],
  ["/containers/a/update", { Memory: "1m" }, 'Memory is of type string ("1m"), expected integer'],
  ["/containers/a/exec", { Cmd: "ls" }, 'Cmd is of type string ("ls"), expected list'],
  ["/volumes/create", { Labels: { a: true } }, "Labels.a is of type boolean (true), expected string"],
  ["/networks/create", { Name: "a", IPAM: { Config: {} } }, "IPAM.Config is of type object, expected list"],
  ["/auth", { username: 1 }, "username is of type number (1), expected string"],
])("POST %s with %j is refused", async (path, document, message) => {
  const answer = await askDocker(socket, "POST", path, Readable.from([Buffer.from(JSON.stringify(document))]));
  expect(answer.status).toBe(400);
  expect(JSON.parse(answer.text).message).toContain(`invalid request: ${message}`);
});

test.each(["stop", "restart"])("a grace that is no number of seconds is refused: POST %s", async (action) => {
  const { status, text } = await askDocker(socket, "POST", `/containers/a/${action}?t=soon`);
  expect([status, JSON.parse(text).message]).toEqual([400, 'invalid t "soon": expected seconds']);
});

test("a path that cannot be decoded is refused", async () => {
  const answer = await askDocker(socket, "GET", "/containers/%zz/json");
  expect([answer.status, JSON.parse(answer.text).message]).toEqual([
    400,
    expect.stringContaining('cannot decode "%zz"'),
  ]);
});
