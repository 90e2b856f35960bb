import { spawnSync } from "node:child_process";
import { lstatSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { run } from "@tsukube/host";
import { afterAll, describe, expect, test } from "vitest";
import { systemMounts } from "./mounts.ts";
import { systemNamespaces } from "./namespaces.ts";
import { scratchFolder } from "./scratch.ts";

const canHaveUsers = spawnSync("unshare", ["--user", "true"]).status === 0;
const IDS = [{ inside: 0, outside: 200_000, length: 65_536 }];

describe.skipIf(process.getuid?.() !== 0 || !canHaveUsers)("namespaces of users (need root, and no chroot)", () => {
  const scratch = scratchFolder("users");
  const namespaces = systemNamespaces();
  afterAll(() => scratch.remove());

  test("own the namespaces beside them: their root configures those, and is nobody outside", async () => {
    const folder = `${scratch.path}/pinned`;
    mkdirSync(folder);
    const paths = { user: `${folder}/user`, net: `${folder}/net`, uts: `${folder}/uts` };
    await namespaces.pin(paths, "echo pod > /proc/sys/kernel/hostname", IDS);
    const enter = [...Object.entries(paths).map(([kind, path]) => `--${kind}=${path}`)];
    const inside = async (line: string): Promise<string> => (await run("nsenter", [...enter, "sh", "-c", line])).stdout;
    expect(await inside("hostname; cat /proc/self/uid_map")).toMatch(/^pod\n\s*0\s+200000\s+65536\n$/);
    expect(await inside("ip link set lo up && ip -o link show lo")).toMatch(/LOOPBACK,UP/);
    for (const path of Object.values(paths)) namespaces.unpin(path);
    expect(systemMounts.below(folder)).toEqual([]);
  });

  test("files show other owners through a mount that maps them, and get them when they are written there", async () => {
    const [users, from, to] = ["users", "from", "to"].map((name) => `${scratch.path}/${name}`) as [
      string,
      string,
      string,
    ];
    await namespaces.pin({ user: users }, "true", IDS);
    for (const folder of [from, to]) mkdirSync(folder);
    writeFileSync(`${from}/file`, "x");
    systemMounts.idmap(from, to, users);
    expect([lstatSync(`${to}/file`).uid, lstatSync(`${from}/file`).uid]).toEqual([200_000, 0]);
    await run("chmod", ["777", from]);
    await run("setpriv", ["--reuid=200007", "--regid=200007", "--clear-groups", "sh", "-c", `echo > ${to}/new`]);
    expect([lstatSync(`${from}/new`).uid, lstatSync(`${from}/new`).gid]).toEqual([7, 7]);
    writeFileSync(`${scratch.path}/one`, "");
    systemMounts.idmap(`${from}/file`, `${scratch.path}/one`, users);
    expect([readFileSync(`${scratch.path}/one`, "utf8"), lstatSync(`${scratch.path}/one`).gid]).toEqual(["x", 200_000]);
  });
});
