import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { dockerConfigPath } from "./docker-config.ts";
import { HUB, type Login, RegistryLogins } from "./registry-logins.ts";

let folder: string;
let logins: RegistryLogins;
let warnings: string[];
const config = () => JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as Record<string, unknown>;
const given = (document: object): void => writeFileSync(join(folder, "config.json"), JSON.stringify(document));
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const ALI = { username: "ali", password: "open:sesame" };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tsukube-logins-"));
  mkdirSync(join(folder, "bin"));
  mkdirSync(join(folder, "kept"));
  const env = { PATH: `${folder}/bin:${process.env["PATH"]}`, DOCKER_CONFIG: folder };
  warnings = [];
  logins = new RegistryLogins({ path: dockerConfigPath(env), env, warn: (text) => void warnings.push(text) });
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A docker-credential-fake with a file for each login. */
function addHelper(name = "fake"): void {
  writeFileSync(join(folder, "bin", `docker-credential-${name}`), HELPER.replace("KEPT", join(folder, "kept")), {
    mode: 0o755,
  });
}

const HELPER = `#!/bin/sh
cd KEPT; input=$(cat); name=$(printf %s "$input" | tr / _)
case $1 in
get) cat "$name" 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
store) name=$(printf %s "$input" | sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/' | tr / _); printf %s "$input" > "$name" ;;
erase) rm "$name" ;;
list) printf '{'; first=; for each in *; do [ -e "$each" ] || break; printf '%s"%s":"x"' "$first" "$(printf %s "$each" | tr _ /)"; first=,; done; printf '}' ;;
esac
`;

test("a login is kept as docker keeps it, for its owner alone, beside what else the file says", async () => {
  given({ detachKeys: "ctrl-x", auths: { other: { auth: base64("eve:x") } } });
  expect(await logins.keep({ ...ALI, serveraddress: "host:5000" })).toBe(join(folder, "config.json"));
  expect(config()).toEqual({
    detachKeys: "ctrl-x",
    auths: { other: { auth: base64("eve:x") }, "host:5000": { auth: base64("ali:open:sesame") } },
  });
  expect(statSync(join(folder, "config.json")).mode & 0o777).toBe(0o600);
  expect(await logins.of("host:5000")).toEqual({ ...ALI, serveraddress: "host:5000" });
  expect(await logins.of("host")).toBeUndefined();
  expect([await logins.forget("host:5000"), await logins.forget("host:5000")]).toEqual([true, false]);
  expect(config()["auths"]).toEqual({ other: { auth: base64("eve:x") } });
});

test("the hub goes by the name that docker has for it, and servers may be written as URLs", async () => {
  given({ auths: { [HUB]: { auth: base64("ali:a") }, "https://host.example/v2/": { auth: base64("ali:b") } } });
  expect(await logins.of("docker.io")).toMatchObject({ password: "a", serveraddress: HUB });
  expect(await logins.of("host.example")).toMatchObject({ password: "b" });
});

test("an identity token takes the password's place", async () => {
  const login: Login = { ...ALI, identitytoken: "T", serveraddress: "host" };
  await logins.keep(login);
  expect(config()["auths"]).toEqual({ host: { auth: base64("ali:"), identitytoken: "T" } });
  expect(await logins.of("host")).toEqual({ username: "ali", identitytoken: "T", serveraddress: "host" });
});

test("a helper keeps logins, and the file only says that they are there", async () => {
  addHelper();
  given({ credsStore: "fake" });
  expect(await logins.keep({ ...ALI, serveraddress: "host" })).toBeUndefined();
  await logins.keep({ ...ALI, identitytoken: "T", serveraddress: HUB });
  expect(config()["auths"]).toEqual({ host: {}, [HUB]: {} });
  expect(await logins.of("host")).toEqual({ ...ALI, serveraddress: "host" });
  expect(await logins.of("docker.io")).toEqual({ identitytoken: "T", serveraddress: HUB });
  expect(await logins.of("unknown")).toBeUndefined();
  expect(Object.keys(await logins.all()).sort()).toEqual([HUB, "host"].sort());
  expect(await logins.forget("host")).toBe(true);
  expect(await logins.of("host")).toBeUndefined();
  expect(warnings).toEqual([]);
});

test("a registry's own helper goes before the one for all, and what is in the file counts where no helper has any", async () => {
  addHelper("own");
  given({ credsStore: "missing", credHelpers: { host: "own" }, auths: { host: { auth: base64("eve:file") } } });
  expect(await logins.of("host")).toMatchObject({ username: "eve" });
  await logins.keep({ ...ALI, serveraddress: "host" });
  expect(await logins.of("host")).toMatchObject({ username: "ali" });
  expect(warnings).toEqual([]);
  expect(Object.keys(await logins.all())).toEqual(["host"]); // the other helper is missing
  expect(warnings).toEqual([expect.stringContaining("Cannot run docker-credential-missing: there is no such program")]);
});

test("a helper that fails is told of, and what is asked for goes on without a login", async () => {
  writeFileSync(join(folder, "bin/docker-credential-bad"), "#!/bin/sh\necho the keychain is locked; exit 2\n", {
    mode: 0o755,
  });
  given({ credsStore: "bad" });
  expect(await logins.of("host")).toBeUndefined();
  expect(warnings).toEqual([expect.stringContaining("the keychain is locked")]);
  await expect(logins.keep({ ...ALI, serveraddress: "host" })).rejects.toMatchObject({ code: "failed" });
  given({ credsStore: "../bad" });
  await expect(logins.keep({ ...ALI, serveraddress: "host" })).rejects.toMatchObject({ code: "usage" });
});

test("a file that is a link stays one, and one that is no JSON is refused", async () => {
  writeFileSync(join(folder, "real.json"), "{}");
  symlinkSync("real.json", join(folder, "config.json"));
  await logins.keep({ ...ALI, serveraddress: "host" });
  expect(JSON.parse(readFileSync(join(folder, "real.json"), "utf8"))).toMatchObject({ auths: { host: {} } });
  writeFileSync(join(folder, "real.json"), "[");
  await expect(logins.of("host")).rejects.toMatchObject({ code: "usage" });
});
