import { type ChildProcess, spawn } from "node:child_process";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { Lifetime } from "@tsukube/foundation";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dockerFor } from "./docker-client.ts";
import { Tsukube } from "./tsukube.ts";

const NAME = "e2e-registry";
const ROOT = dirname(dirname(import.meta.dirname));
/** Of "open sesame". */
const USERS = "ali:$2b$04$3Cuhy7PsB3bdyTi1kZc5JuUhyR6LnXYNQBDPgPl7FQVHfo.I0YWMi\n";

describe.skipIf(process.getuid?.() !== 0)("tsukube registry, pushed to and pulled from (needs root)", () => {
  const lifetime = new Lifetime();
  const tsukube = new Tsukube(lifetime, NAME);
  const folder = mkdtempSync(join(tmpdir(), "tsukube-e2e-registry-"));
  lifetime.add("folder", () => rmSync(folder, { recursive: true }));
  let client: Awaited<ReturnType<typeof dockerFor>>;
  let host: string;
  const docker = (...args: readonly string[]): Promise<string> => client.docker(...args);
  const refused = async (...args: readonly string[]): Promise<string> => {
    const { code, stderr } = await client.raw(args, { accept: [0, 1] });
    expect(code).toBe(1);
    return stderr;
  };
  const greets = (image: string): Promise<string> => docker("run", "--rm", image);

  /** In the foreground, on a free port, such as "127.0.0.1:40123". */
  const startRegistry = async (name: string, ...flags: readonly string[]) => {
    const args = ["registry", "--data", join(folder, name), "--listen", "127.0.0.1:0", ...flags];
    const child = spawn(join(ROOT, "tsukube"), args, { env: tsukube.env, stdio: ["ignore", "pipe", "ignore"] });
    lifetime.add(name, () => stop(child));
    for await (const line of createInterface(child.stdout)) {
      const found = /served at https?:\/\/(127\.0\.0\.1:\d+);/.exec(line)?.[1];
      if (found !== undefined) return { at: found, child };
    }
    throw new Error(`registry ${name} ended`);
  };

  beforeAll(async () => {
    host = `127.0.0.1:${await freePort()}`;
    await tsukube.run(["registry", "--data", join(folder, "images"), "--listen", host, "--background"]);
    await tsukube.run(["engine", "--background"]);
    client = await dockerFor(lifetime, `/run/tsukube/${NAME}/docker.sock`);
    mkdirSync(join(folder, "context"));
    writeFileSync(join(folder, "context/greeting"), "hello from the registry\n");
    writeFileSync(
      join(folder, "context/Dockerfile"),
      'FROM tsukube.local/busybox\nCOPY greeting /\nCMD ["cat", "/greeting"]\n',
    );
    await tsukube.run(["build", "-t", `${host}/team/hello:1`, join(folder, "context")]);
  }, 90_000);
  afterAll(() => lifetime.close(), 60_000);

  test("an image is pushed by tsukube, and pulled and run by docker", async () => {
    expect((await tsukube.run(["image", "push", `${host}/team/hello:1`])).stdout).toMatch(
      /digest: sha256:[0-9a-f]{64}/,
    );
    await docker("rmi", `${host}/team/hello:1`);
    expect(await greets(`${host}/team/hello:1`)).toBe("hello from the registry");
    const list = await fetch(`http://${host}/v2/team/hello/tags/list`);
    expect(await list.json()).toEqual({ name: "team/hello", tags: ["1"] });
  }, 60_000);

  test("an image is pushed by docker to another repository, whose layers are mounted, and pulled by tsukube", async () => {
    await docker("tag", `${host}/team/hello:1`, `${host}/copy:2`);
    const pushed = await docker("push", `${host}/copy:2`);
    expect(pushed).toMatch(/^[0-9a-f]{12}: Mounted$/m);
    const headers = { accept: "application/vnd.oci.image.manifest.v1+json" };
    const manifest = await fetch(`http://${host}/v2/copy/manifests/2`, { headers });
    const digest = manifest.headers.get("docker-content-digest");
    expect(pushed).toContain(`2: digest: ${digest} size: ${(await manifest.arrayBuffer()).byteLength}`);
    await docker("rmi", `${host}/copy:2`, `${host}/team/hello:1`);
    await tsukube.run(["image", "pull", `${host}/copy:2`]);
    expect(await greets(`${host}/copy:2`)).toBe("hello from the registry");
    const { repositories } = (await (await fetch(`http://${host}/v2/_catalog`)).json()) as { repositories: string[] };
    expect(repositories).toEqual(["copy", "team/hello"]);
  }, 60_000);

  test("tsukube build lends a secret to a command that needs it", async () => {
    const context = join(folder, "lent");
    mkdirSync(context);
    writeFileSync(
      join(context, "Dockerfile"),
      "FROM tsukube.local/busybox\nRUN --mount=type=secret,id=token,required sha256sum /run/secrets/token\n",
    );
    const flags = ["--secret", "id=token,env=E2E_TOKEN", "-t", "lent", context];
    const { stderr } = await tsukube.run(["build", ...flags], { env: { ...tsukube.env, E2E_TOKEN: "a secret" } });
    expect(stderr).toContain(createHash("sha256").update("a secret").digest("hex"));
    const without = await tsukube.run(["build", "--no-cache", "-t", "lent", context], { accept: [1] });
    expect(without.stderr).toContain('RUN --mount=type=secret needs "token", expected --secret id=token,src=FILE');
  }, 60_000);

  test("tsukube build takes its Dockerfile from anywhere and further contexts, and says why steps ran", async () => {
    const context = join(folder, "anywhere");
    for (const name of ["app", "libs"]) mkdirSync(join(context, name), { recursive: true });
    writeFileSync(join(context, "app/main"), "main\n");
    writeFileSync(join(context, "libs/lib"), "lib\n");
    writeFileSync(
      join(context, "Apart"),
      "FROM base\nCOPY main /\nCOPY --from=libs lib /\nRUN cat /main /lib > /both\n",
    );
    const flags = [
      "--build-context",
      `libs=${join(context, "libs")}`,
      "--build-context",
      "base=docker-image://tsukube.local/busybox",
    ];
    const build = async (...more: readonly string[]): Promise<string> => {
      const args = ["build", "-t", "anywhere", "-f", join(context, "Apart"), ...flags, ...more, join(context, "app")];
      return (await tsukube.run(args)).stdout;
    };
    expect(await build("--iidfile", join(context, "id"))).toBe("anywhere\n");
    expect(await docker("run", "--rm", readFileSync(join(context, "id"), "utf8"), "cat", "/both")).toBe("main\nlib");
    expect(await build("--why")).toBe("nothing ran: 3 steps were found in the cache\n");
    writeFileSync(join(context, "libs/lib"), "other\n");
    expect(await build("--why")).toMatch(
      /^step \d\/4 COPY --from=libs lib \/: "lib" changed\nstep 4\/4 RUN .*: what the steps before it made changed\n1 steps/,
    );
    const args = ["build", "-q", "-t", "anywhere", "-"];
    const { stdout } = await tsukube.run(args, { input: "FROM tsukube.local/busybox\nRUN echo piped > /piped\n" });
    expect(stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    expect(await docker("run", "--rm", "anywhere", "cat", "/piped")).toBe("piped");
  }, 60_000);

  test("tsukube build writes files, and images that another build begins with, and docker loads", async () => {
    const context = join(folder, "output");
    mkdirSync(context);
    writeFileSync(
      join(context, "Dockerfile"),
      "FROM tsukube.local/busybox AS all\nRUN echo built > /made\nFROM scratch\nCOPY --from=all /made /a/\n",
    );
    const build = (...flags: readonly string[]) => tsukube.run(["build", ...flags, context]);
    mkdirSync(join(folder, "dist/a"), { recursive: true });
    writeFileSync(join(folder, "dist/a/mine"), "stays\n");
    expect((await build("-o", join(folder, "dist"))).stdout).toBe("");
    const files = ["made", "mine"].map((name) => readFileSync(join(folder, "dist/a", name), "utf8"));
    expect(files).toEqual(["built\n", "stays\n"]);
    expect((await build("--output", "-")).stdout).toContain("built\n");
    expect(await build("--output", `type=tar,dest=${folder}`).catch(String)).toContain(
      "it is a folder, expected a file",
    );
    await build("--target", "all", "--output", `type=docker,name=loaded:1,dest=${join(folder, "image.tar")}`);
    expect(await docker("load", "-i", join(folder, "image.tar"))).toContain("Loaded image: loaded:1");
    expect(await docker("run", "--rm", "loaded:1", "cat", "/made")).toBe("built");
    await build("--target", "all", "--output", `type=oci,tar=false,dest=${join(folder, "layout")}`);
    writeFileSync(join(context, "Dockerfile"), "FROM base\nRUN cat /made > /again\n");
    await build("--build-context", `base=oci-layout://${join(folder, "layout")}`, "-t", "of-layout");
    expect(await docker("run", "--rm", "of-layout", "cat", "/again")).toBe("built");
  }, 60_000);

  test("a build's results go to the registry, and come back where they are gone", async () => {
    const context = join(folder, "shared");
    mkdirSync(context);
    writeFileSync(join(context, "Dockerfile"), "FROM tsukube.local/busybox\nRUN date +%N > /made && cat /made\n");
    const build = async (...flags: readonly string[]): Promise<string> =>
      (await tsukube.run(["build", ...flags, "-t", "shared", context])).stderr;
    expect(await build("--cache-to", `type=registry,ref=${host}/cache`)).toContain(`Wrote the cache to ${host}/cache`);
    const made = await docker("run", "--rm", "shared", "cat", "/made");
    await docker("rmi", "shared");
    await docker("builder", "prune", "-f");
    expect(await build("--cache-from", `type=registry,ref=${host}/cache`)).toContain("Using cache");
    expect(await docker("run", "--rm", "shared", "cat", "/made")).toBe(made);
  }, 60_000);

  test("how an image was made and what is in it goes to the registry with it", async () => {
    const context = join(folder, "attested");
    mkdirSync(context);
    const name = `${host}/attested`;
    const lines = ["FROM tsukube.local/busybox", "ARG TOKEN", "COPY package.json /app/node_modules/one/"];
    writeFileSync(join(context, "Dockerfile"), lines.join("\n"));
    writeFileSync(join(context, "package.json"), '{"name":"one","version":"1.2.3"}');
    await tsukube.run(["build", "--provenance", "--sbom", "--build-arg", "TOKEN=hidden", "-t", name, context]);
    const { stdout } = await tsukube.run(["image", "push", name]);
    const digest = /sha256:[0-9a-f]{64}/.exec(stdout)?.[0] ?? "";
    const get = async <T>(path: string): Promise<T> =>
      (await (await fetch(`http://${host}/v2/attested/${path}`)).json()) as T;
    const { manifests } = await get<{ manifests: { digest: string }[] }>(`referrers/${digest}`);
    const texts: string[] = [];
    for (const each of manifests) {
      const { layers } = await get<{ layers: { digest: string }[] }>(`manifests/${each.digest}`);
      texts.push(JSON.stringify(await get(`blobs/${layers[0]!.digest}`)));
    }
    expect(texts.length).toBe(2);
    expect(texts.join()).toContain('"pkg:npm/one@1.2.3"');
    expect(texts.join()).toContain('"docker-image://tsukube.local/busybox"');
    expect(texts.join()).not.toContain("hidden");
  }, 60_000);

  test("a cache serves what it was asked for once, also when its upstream is gone", async () => {
    const { at: upstream, child } = await startRegistry("upstream");
    await docker("tag", `${host}/copy:2`, `${upstream}/hello`);
    await docker("push", `${upstream}/hello`);
    const { at: cache } = await startRegistry("cache", "--proxy", `http://${upstream}`);
    expect(await docker("pull", `${cache}/hello`)).toMatch(
      /\nDigest: sha256:[0-9a-f]{64}\nStatus: Downloaded newer image for .*\/hello:latest\n/,
    );
    expect(await docker("pull", `${cache}/hello`)).toContain("Status: Image is up to date for");
    await docker("tag", `${host}/copy:2`, `${cache}/other`);
    expect(await refused("push", `${cache}/other`)).toContain("is a cache of another one");
    await docker("rmi", `${cache}/hello`, `${cache}/other`, `${upstream}/hello`);
    await stop(child);
    expect(await greets(`${cache}/hello`)).toBe("hello from the registry");
  }, 60_000);

  test("a registry with users takes pushes and pulls of those who are logged in alone", async () => {
    writeFileSync(join(folder, "users"), USERS);
    const { at: closed } = await startRegistry("closed", "--htpasswd", join(folder, "users"));
    await docker("tag", `${host}/copy:2`, `${closed}/hello`);
    expect(await refused("push", `${closed}/hello`)).toContain("unauthorized");
    expect(await refused("login", "-u", "ali", "-p", "wrong", closed)).toContain("unauthorized");
    expect(await docker("login", "-u", "ali", "-p", "open sesame", closed)).toContain("Login Succeeded");
    await docker("push", `${closed}/hello`);
    await docker("rmi", `${closed}/hello`);
    await docker("pull", `${closed}/hello`);
    await docker("logout", closed);
    await docker("rmi", `${closed}/hello`);
    expect(await refused("pull", `${closed}/hello`)).toContain("unauthorized");
  }, 60_000);

  test("tsukube logs in where docker does: it pulls, pushes, runs, and builds from what only its users may read", async () => {
    writeFileSync(join(folder, "users"), USERS);
    const { at } = await startRegistry("private", "--htpasswd", join(folder, "users"));
    const login = (password: string) =>
      tsukube.run(["login", "-u", "ali", "--password-stdin", at], { input: `${password}\n`, accept: [0, 1] });
    await docker("tag", `${host}/copy:2`, `${at}/base`);
    expect((await tsukube.run(["image", "push", `${at}/base`], { accept: [1] })).stderr).toContain("unauthorized");
    expect(await login("wrong")).toMatchObject({ code: 1, stderr: expect.stringContaining("unauthorized") });
    expect(await login("open sesame")).toMatchObject({ code: 0, stdout: "Login Succeeded\n" });
    await tsukube.run(["image", "push", `${at}/base`]);
    await docker("rmi", `${at}/base`);
    expect((await tsukube.run(["run", "--rm", `${at}/base`])).stdout).toBe("hello from the registry\n");
    await docker("rmi", `${at}/base`);
    const context = join(folder, "from-private");
    mkdirSync(context);
    writeFileSync(join(context, "Dockerfile"), `FROM ${at}/base\nRUN date +%N > /made\n`);
    const build = (...flags: readonly string[]) => tsukube.run(["build", ...flags, "-t", "private", context]);
    await build("--cache-to", `type=registry,ref=${at}/cache`);
    const made = await docker("run", "--rm", "private", "cat", "/made");
    await docker("rmi", "private", `${at}/base`);
    await docker("builder", "prune", "-f");
    expect((await build("--cache-from", `type=registry,ref=${at}/cache`)).stderr).toContain("Using cache");
    expect(await docker("run", "--rm", "private", "cat", "/made")).toBe(made);
    expect((await tsukube.run(["logout", at])).stdout).toBe(`Removed the login at ${at}\n`);
    await docker("rmi", "private", `${at}/base`);
    const { stderr } = await tsukube.run(["build", context], { accept: [1] });
    expect(stderr).toContain("unauthorized");
  }, 90_000);

  test("docker's classic build is lent the client's logins, too", async () => {
    const { at } = await startRegistry("private-docker", "--htpasswd", join(folder, "users"));
    await docker("login", "-u", "ali", "-p", "open sesame", at);
    await docker("tag", `${host}/copy:2`, `${at}/base`);
    await docker("push", `${at}/base`);
    await docker("rmi", `${at}/base`);
    const context = join(folder, "from-private-docker");
    mkdirSync(context);
    writeFileSync(join(context, "Dockerfile"), `FROM ${at}/base\nRUN true\n`);
    const env = { ...client.env, DOCKER_BUILDKIT: "0" };
    expect((await client.raw(["build", "-q", context], { env })).stdout).toMatch(/^sha256:/);
    await docker("logout", at);
    await docker("rmi", `${at}/base`);
    expect((await client.raw(["build", "-q", context], { env, accept: [1] })).stderr).toContain("unauthorized");
  }, 60_000);

  test("a credential helper keeps logins at a registry that wants tokens", async () => {
    const { url, key, asked } = await startTokenServer(lifetime);
    writeFileSync(join(folder, "helped.pem"), key);
    const flags = ["--token-realm", url, "--token-service", "images", "--token-issuer", "e2e"];
    const { at } = await startRegistry("helped", ...flags, "--token-key", join(folder, "helped.pem"));
    const kept = join(folder, "kept-login");
    mkdirSync(join(folder, "bin"));
    writeFileSync(join(folder, "bin/docker-credential-e2e"), helperWith(kept), { mode: 0o755 });
    mkdirSync(join(folder, "docker-config"));
    const file = join(folder, "docker-config/config.json");
    writeFileSync(file, JSON.stringify({ credHelpers: { [at]: "e2e" } }));
    const env = { ...tsukube.env, DOCKER_CONFIG: dirname(file), PATH: `${join(folder, "bin")}:${process.env["PATH"]}` };
    await tsukube.run(["login", "-u", "ali", "-p", "open sesame", at], { env });
    expect(JSON.parse(readFileSync(kept, "utf8"))).toEqual({ ServerURL: at, Username: "ali", Secret: "open sesame" });
    expect(readFileSync(file, "utf8")).not.toContain(Buffer.from("ali:open sesame").toString("base64"));
    await docker("tag", `${host}/copy:2`, `${at}/hello`);
    await tsukube.run(["image", "push", `${at}/hello`], { env });
    await docker("rmi", `${at}/hello`);
    await tsukube.run(["image", "pull", `${at}/hello`], { env });
    expect(asked).toContain("ali repository:hello:pull,push");
    await tsukube.run(["logout", at], { env });
    expect(existsSync(kept)).toBe(false);
    await docker("rmi", `${at}/hello`);
    expect((await tsukube.run(["image", "pull", `${at}/hello`], { env, accept: [1] })).stderr).toContain(
      "unauthorized",
    );
  }, 60_000);

  test("a registry that wants tokens takes those of its server: docker and tsukube get them for what they do", async () => {
    const { url, key, asked } = await startTokenServer(lifetime);
    writeFileSync(join(folder, "token.pem"), key);
    const flags = ["--token-realm", url, "--token-service", "images", "--token-issuer", "e2e"];
    const { at } = await startRegistry("tokens", ...flags, "--token-key", join(folder, "token.pem"));
    await docker("tag", `${host}/copy:2`, `${at}/public/hello`);
    expect(await refused("push", `${at}/public/hello`)).toContain("unauthorized");
    expect(await docker("login", "-u", "ali", "-p", "open sesame", at)).toContain("Login Succeeded");
    await docker("push", `${at}/public/hello`);
    await docker("tag", `${at}/public/hello`, `${at}/other/hello`);
    await docker("push", `${at}/other/hello`);
    await docker("logout", at);
    await docker("rmi", `${at}/public/hello`, `${at}/other/hello`);
    await tsukube.run(["image", "pull", `${at}/public/hello`]); // whoever asks may read that
    expect(await greets(`${at}/public/hello`)).toBe("hello from the registry");
    expect((await tsukube.run(["image", "pull", `${at}/other/hello`], { accept: [1] })).stderr).toContain(
      "unauthorized",
    );
    expect(asked).toContain("ali repository:public/hello:pull,push");
    expect(asked).toContain("nobody repository:public/hello:pull");
  }, 60_000);

  test("a second registry in the same folder is refused, and down ends the one in the background", async () => {
    const second = ["registry", "--data", join(folder, "images"), "--listen", "127.0.0.1:0"];
    expect((await tsukube.run(second, { accept: [2] })).stderr).toContain(
      "has it open, expected one registry a folder",
    );
    expect((await tsukube.run(["status"], { accept: [0, 1] })).stdout).toContain("registry");
    await tsukube.run(["down"]);
    await expect(fetch(`http://${host}/v2/`)).rejects.toThrow();
  }, 60_000);
});

/** A docker-credential-NAME that keeps one login in a file. */
function helperWith(file: string): string {
  const none = "{ echo 'credentials not found in native keychain'; exit 1; }";
  return `#!/bin/sh\ncase $1 in store) cat > ${file} ;; get) cat ${file} 2>/dev/null || ${none} ;; erase) rm ${file} ;; list) echo '{}' ;; esac\n`;
}

/** Gives "ali" tokens for everything, others for reading what is below "public/". */
async function startTokenServer(lifetime: Lifetime) {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const asked: string[] = [];
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const server = createHttpServer((request, response) => {
    const query = new URL(request.url ?? "", "http://x").searchParams;
    const login = Buffer.from((request.headers.authorization ?? "").replace("Basic ", ""), "base64").toString();
    const isAli = login === "ali:open sesame";
    if (login !== "" && !isAli) return response.writeHead(401).end();
    const access = query.getAll("scope").flatMap((scopes) =>
      scopes.split(" ").map((scope) => {
        const [type, name = "", actions = ""] = scope.split(":");
        asked.push(`${isAli ? "ali" : "nobody"} ${scope}`);
        const granted = isAli ? actions.split(",") : name.startsWith("public/") ? ["pull"] : [];
        return { type, name, actions: granted };
      }),
    );
    const claims = { iss: "e2e", aud: query.get("service"), exp: Math.floor(Date.now() / 1000) + 60, access };
    const signed = `${part({ alg: "ES256", typ: "JWT" })}.${part(claims)}`;
    const signature = sign("sha256", Buffer.from(signed), { key: privateKey, dsaEncoding: "ieee-p1363" });
    response.end(JSON.stringify({ token: `${signed}.${signature.toString("base64url")}` }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  lifetime.add("token server", () => void server.close().closeAllConnections());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  return { url, key: publicKey.export({ type: "spki", format: "pem" }), asked };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill();
  await ended;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
