import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PassThrough, type Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { Lifetime } from "@tsukube/foundation";
import { run } from "@tsukube/host";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dockerBinary } from "./docker-client.ts";
import { eventually, fetchText } from "./eventually.ts";
import { Tsukube } from "./tsukube.ts";

const BUSYBOX = "tsukube.local/busybox";
const NAME = "e2e-libraries";

/** What the test uses of dockerode, which has no types of its own. */
interface Container {
  readonly id: string;
  attach(options: object): Promise<NodeJS.ReadWriteStream>;
  start(): Promise<void>;
  wait(): Promise<{ StatusCode: number }>;
  exec(options: object): Promise<{
    start(options: object): Promise<NodeJS.ReadWriteStream>;
    inspect(): Promise<{ ExitCode: number }>;
  }>;
  logs(options: object): Promise<Buffer>;
  getArchive(options: object): Promise<Readable>;
  remove(options: object): Promise<void>;
}
interface Dockerode {
  createContainer(options: object): Promise<Container>;
  getEvents(options: object): Promise<Readable>;
  listContainers(options: object): Promise<readonly { Names: readonly string[]; State: string }[]>;
  readonly modem: { demuxStream(stream: object, stdout: object, stderr: object): void };
}

describe.skipIf(process.getuid?.() !== 0)("libraries and tools that speak Docker's API (need root)", () => {
  const lifetime = new Lifetime();
  const tsukube = new Tsukube(lifetime, NAME);
  const socketPath = `/run/tsukube/${NAME}/docker.sock`;

  const open = (): Dockerode =>
    new (createRequire(import.meta.url)("dockerode") as new (options: object) => Dockerode)({ socketPath });

  beforeAll(async () => {
    await tsukube.run(["engine", "--background"]);
  }, 60_000);
  afterAll(() => lifetime.close(), 60_000);

  test("dockerode attaches before the start, runs commands over one connection, and reads logs and archives", async () => {
    const docker = open();
    const container = await docker.createContainer({
      ...{ Image: BUSYBOX, Cmd: ["sh", "-c", "read a; echo got $a; echo err >&2"], name: "rode" },
      ...{ OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true },
      HostConfig: { NetworkMode: "none" },
    });
    const stream = await container.attach({ stream: true, hijack: true, stdin: true, stdout: true, stderr: true });
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    docker.modem.demuxStream(stream, stdout, stderr);
    stream.once("end", () => [stdout, stderr].forEach((each) => void each.end()));
    await container.start();
    stream.write("this\n");
    expect(await Promise.all([text(stdout), text(stderr)])).toEqual(["got this\n", "err\n"]);
    expect(await container.wait()).toMatchObject({ StatusCode: 0 });
    expect((await container.logs({ stdout: true, stderr: false })).subarray(8).toString()).toBe("got this\n");
    expect(await docker.listContainers({ all: true, filters: { name: ["rode"] } })).toMatchObject([
      { State: "exited" },
    ]);
    const archive = await text(await container.getArchive({ path: "/etc/passwd" }));
    expect(archive).toContain("root:x:0:0");
    await container.remove({ v: true });
  }, 30_000);

  test("dockerode executes with input that it ends, without a terminal", async () => {
    const docker = open();
    const wish = { Image: BUSYBOX, Cmd: ["sleep", "100"], HostConfig: { NetworkMode: "none" } };
    const container = await docker.createContainer(wish);
    await container.start();
    const flags = { AttachStdin: true, AttachStdout: true, AttachStderr: true };
    const exec = await container.exec({ Cmd: ["sh", "-c", "cat; exit 7"], ...flags });
    const stream = await exec.start({ hijack: true, stdin: true });
    const stdout = new PassThrough();
    docker.modem.demuxStream(stream, stdout, stdout);
    stream.once("end", () => stdout.end());
    stream.end("to the end");
    expect(await text(stdout)).toBe("to the end");
    expect(await exec.inspect()).toMatchObject({ ExitCode: 7 });
    await container.remove({ force: true });
  }, 30_000);

  test("what is left with the keys for that says so in an event", async () => {
    const docker = open();
    const since = Math.floor(Date.now() / 1000);
    const wish = { Image: BUSYBOX, Cmd: ["sh"], Tty: true, OpenStdin: true, HostConfig: { NetworkMode: "none" } };
    const container = await docker.createContainer(wish);
    await container.start();
    const streams = { hijack: true, stdin: true, stdout: true };
    const attached = await container.attach({ stream: true, ...streams });
    const exec = await container.exec({ Cmd: ["sh"], Tty: true, AttachStdin: true, AttachStdout: true });
    for (const stream of [attached, await exec.start({ Tty: true, ...streams })]) {
      stream.write("\x10\x11");
      await text(stream);
    }
    const filters = { container: [container.id], event: ["detach", "exec_detach"] };
    const told = await text(await docker.getEvents({ since, until: Math.floor(Date.now() / 1000) + 1, filters }));
    expect([...told.matchAll(/"Action":"(\w+)"/g)].map(([, action]) => action)).toEqual(["detach", "exec_detach"]);
    await container.remove({ force: true });
  }, 30_000);

  test("compose brings an application up, scales it, and takes it down", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tsukube-compose-"));
    lifetime.add("compose's folder", () => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, "db"));
    writeFileSync(join(folder, "db/Dockerfile"), `FROM ${BUSYBOX}\nRUN mkdir /data && echo seed > /data/seed\n`);
    writeFileSync(join(folder, "docker-compose.yml"), COMPOSE);
    const env = {
      ...process.env,
      PATH: `${dirname(await dockerBinary())}:${process.env["PATH"]}`, // it builds and executes by the docker command
      HOME: tsukube.home,
      DOCKER_HOST: `unix://${socketPath}`,
      COMPOSE_PROJECT_NAME: "app",
    };
    const compose = async (...args: readonly string[]): Promise<string> =>
      (await run("docker-compose", args, { cwd: folder, env })).stdout.trim();
    await compose("up", "-d");
    await eventually("the page", async () => (await fetchText("http://127.0.0.1:18095/")) === "from hello\n");
    expect(await compose("exec", "-T", "web", "cat", "/from-db/seed")).toBe("seed");
    expect(await compose("exec", "-T", "web", "ping", "-c1", "store")).toContain("1 packets received");
    await compose("up", "-d", "--scale", "db=2");
    expect((await compose("ps", "-q", "db")).split("\n")).toHaveLength(2);
    await compose("down", "-v", "-t", "1");
    expect(await open().listContainers({ all: true })).toEqual([]);
  }, 120_000);

  test("compose waits for a service to be healthy before it starts what depends on it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tsukube-compose-"));
    lifetime.add("compose's other folder", () => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "docker-compose.yml"), HEALTHY);
    const own = { HOME: tsukube.home, DOCKER_HOST: `unix://${socketPath}`, COMPOSE_PROJECT_NAME: "healthy" };
    const compose = async (...args: readonly string[]): Promise<string> =>
      (await run("docker-compose", args, { cwd: folder, env: { ...process.env, ...own } })).stdout.trim();
    await compose("up", "-d");
    expect(await compose("ps", "-q")).toMatch(/^[0-9a-f]{64}\n[0-9a-f]{64}$/);
    await eventually("what came second", async () =>
      (await compose("logs", "--no-color", "second")).includes("ready at"),
    );
    expect(await compose("logs", "--no-color", "second")).toContain("ready at the first try");
    await compose("down", "-t", "1");
  }, 120_000);
});

const HEALTHY = `
version: "2.4"
services:
  first:
    image: ${BUSYBOX}
    command: sh -c 'sleep 1; touch /share/ready; sleep 1000'
    volumes: ["share:/share"]
    healthcheck: { test: ["CMD", "test", "-e", "/share/ready"], interval: 200ms, retries: 50 }
  second:
    image: ${BUSYBOX}
    command: sh -c 'test -e /share/ready && echo ready at the first try; sleep 1000'
    volumes: ["share:/share"]
    depends_on: { first: { condition: service_healthy } }
volumes: { share: {} }
`;

const COMPOSE = `
version: "3.7"
services:
  web:
    image: ${BUSYBOX}
    command: sh -c 'echo "from $$GREETING" > /tmp/index.html; exec httpd -f -p 80 -h /tmp'
    environment: { GREETING: hello }
    ports: ["18095:80"]
    depends_on: [db]
    volumes: ["data:/from-db:ro"]
    networks: [front, back]
  db:
    build: ./db
    command: ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
    volumes: ["data:/data"]
    networks: { back: { aliases: [store] } }
networks: { front: {}, back: { internal: true } }
volumes: { data: {} }
`;
