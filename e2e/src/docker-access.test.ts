import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { realClock, run, systemRandom } from "@tsukube/host";
import { createAuthorityKeys, openAuthority } from "@tsukube/host/certificates";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { dockerFor } from "./docker-client.ts";
import { Tsukube } from "./tsukube.ts";

const BUSYBOX = "tsukube.local/busybox";
const NAME = "e2e-docker-access";
const ANY = Array.from({ length: 256 }, (_, code) => code);
const hasGroup = /^docker:/m.test(readFileSync("/etc/group", "utf8"));

describe.skipIf(process.getuid?.() !== 0)("who may use Docker's API (needs root)", () => {
  const lifetime = new Lifetime();
  const tsukube = new Tsukube(lifetime, NAME);
  const folder = mkdtempSync(join(tmpdir(), "tsukube-docker-access-"));
  lifetime.add("folder", () => rmSync(folder, { recursive: true }));
  const socket = `/run/tsukube/${NAME}/docker.sock`;
  let client: Awaited<ReturnType<typeof dockerFor>>;
  let host: string;
  const start = (...flags: readonly string[]) =>
    tsukube.run(["engine", "--background", ...flags], { accept: ANY }).then(({ stdout, stderr }) => stdout + stderr);

  /** An authority with a certificate of a server and one of a client, as the docker command wants its files. */
  const certificates = async (name: string): Promise<string> => {
    const place = mkdtempSync(join(folder, `${name}-`));
    const authority = await openAuthority(
      await createAuthorityKeys(name, realClock, systemRandom),
      realClock,
      systemRandom,
    );
    writeFileSync(join(place, "ca.pem"), authority.cert);
    for (const [prefix, usage] of [
      ["server-", "server"],
      ["", "client"],
    ] as const) {
      const sans = usage === "server" ? { sans: ["127.0.0.1"] } : {};
      const { cert, key } = await authority.issue({ commonName: name, usages: [usage], ...sans });
      writeFileSync(join(place, `${prefix}cert.pem`), cert);
      writeFileSync(join(place, `${prefix}key.pem`), key);
    }
    return place;
  };
  const tlsFlags = (place: string): readonly string[] => [
    ...["--docker-host", host, "--tlscacert", join(place, "ca.pem")],
    ...["--tlscert", join(place, "server-cert.pem"), "--tlskey", join(place, "server-key.pem")],
  ];
  const over = (place: string | undefined, args: readonly string[], input = "") => {
    const tls = place === undefined ? {} : { DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: place };
    return client.raw(args, { env: { ...client.env, DOCKER_HOST: host, ...tls }, input, accept: ANY });
  };

  beforeAll(async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    host = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.close();
    client = await dockerFor(lifetime, socket);
  }, 60_000);
  afterAll(() => lifetime.close(), 60_000);

  test.skipIf(hasGroup)(
    "where the machine has no group docker, root alone uses the socket, and is told so",
    async () => {
      expect(await start()).toContain(`${socket}, for its owner alone (no group docker)`);
      expect((statSync(socket).mode & 0o777).toString(8)).toBe("600");
    },
    60_000,
  );

  test("members of the group docker use the socket, others do not", async () => {
    if (!hasGroup) {
      await run("groupadd", ["--system", "docker"]);
      onTestFinished(async () => void (await run("groupdel", ["docker"])));
      await tsukube.run(["down"], { accept: ANY });
    }
    expect(await start()).toContain(`${socket}, for root and members of the group docker`);
    const group = (await run("getent", ["group", "docker"])).stdout.split(":")[2] ?? "";
    const { mode, uid, gid } = statSync(socket);
    expect({ mode: (mode & 0o777).toString(8), uid, gid }).toEqual({ mode: "660", uid: 0, gid: Number(group) });
    const as = (groups: string) => {
      const nobody = ["--reuid", "65534", "--regid", "65534", groups, client.binary, "ps"];
      return run("setpriv", nobody, { env: { ...client.env, HOME: "/nonexistent" }, accept: ANY });
    };
    expect(await as(`--groups=${group}`)).toMatchObject({ code: 0, stdout: expect.stringContaining("CONTAINER ID") });
    expect(await as("--clear-groups")).toMatchObject({ code: 1, stderr: expect.stringContaining("permission denied") });
  }, 60_000);

  test("over TCP a client needs a certificate of the authority, and is served all that the socket serves", async () => {
    const [place, stranger] = [await certificates("own"), await certificates("stranger")];
    await start();
    const id = await client.docker("run", "-d", BUSYBOX, "sleep", "1000");
    expect(await start(...tlsFlags(place))).toContain(`and at ${host} to who has a certificate`);
    expect((await over(place, ["ps", "-q", "--no-trunc"])).stdout.trim()).toBe(id);
    const through = await over(place, ["run", "--rm", "-i", BUSYBOX, "sh", "-c", "wc -c; exit 3"], "x".repeat(3e6));
    expect({ stdout: through.stdout.trim(), code: through.code }).toEqual({ stdout: "3000000", code: 3 });
    expect(await over(place, ["exec", "-i", id, "tr", "a-z", "A-Z"], "loud")).toMatchObject({
      code: 0,
      stdout: "LOUD",
    });
    writeFileSync(join(stranger, "ca.pem"), readFileSync(join(place, "ca.pem")));
    const refused = await over(stranger, ["ps"]);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("certificate");
    expect((await over(undefined, ["ps"])).code).not.toBe(0);
    rmSync(join(place, "cert.pem"));
    rmSync(join(place, "key.pem"));
    expect((await over(place, ["ps"])).code).not.toBe(0);
    await client.docker("rm", "-f", id);
  }, 90_000);

  test("TCP without certificates of both sides is refused before anything starts", async () => {
    await tsukube.run(["down"], { accept: ANY });
    const place = await certificates("own");
    expect(await start("--docker-host", host)).toContain("expected --tlscacert");
    expect(await start(...tlsFlags(place).slice(0, 4))).toContain("expected --tlscacert");
    expect(await start("--docker-host", "tcp://nobody")).toContain("expected --tlscacert");
    const key = ["--tlskey", join(await certificates("other"), "server-key.pem")];
    expect(await start(...tlsFlags(place).slice(0, 6), ...key)).toContain("expected PEM files");
    expect((await tsukube.run(["status"], { accept: ANY })).stdout).not.toContain("runs");
  }, 60_000);
});
