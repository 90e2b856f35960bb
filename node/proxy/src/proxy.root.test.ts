import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { realClock, run } from "@tsukube/host";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Frontend } from "./frontends.ts";
import { type Ruleset, rulesetOf } from "./ruleset.ts";
import { fullScript, incrementalScript } from "./script.ts";

const isRoot = process.getuid?.() === 0;
const options = { table: "tsukube-proxy-test", serviceCidr: "10.160.0.0/16", bridge: "none0" };
const VIP = "10.160.0.9";

describe.skipIf(!isRoot)("Services in nftables (needs root)", () => {
  let lifetime: Lifetime;
  let folder: string;
  let netns: string;

  beforeEach(async () => {
    lifetime = new Lifetime();
    folder = mkdtempSync(join(tmpdir(), "tsukube-proxy-"));
    lifetime.add("folder", () => rmSync(folder, { recursive: true }));
    netns = join(folder, "net");
    writeFileSync(netns, "");
    await run("unshare", [`--net=${netns}`, "true"]);
    lifetime.add("namespace", async () => void (await run("umount", [netns])));
    await inside("ip", "link", "set", "lo", "up");
    await inside("ip", "route", "add", "10.160.0.0/16", "dev", "lo");
  });
  afterEach(() => lifetime.close());

  const inside = (...command: string[]) => run("nsenter", [`--net=${netns}`, ...command]);
  const apply = (input: string) => run("nsenter", [`--net=${netns}`, "nft", "-f", "-"], { input });

  /** A web server at an address of its own that answers with that address. */
  async function backend(address: string): Promise<void> {
    await inside("ip", "addr", "add", `${address}/32`, "dev", "lo");
    const home = join(folder, address);
    mkdirSync(home);
    writeFileSync(join(home, "index.html"), address);
    const server = spawn("nsenter", [`--net=${netns}`, "busybox", "httpd", "-f", "-p", `${address}:8080`, "-h", home]);
    lifetime.add(address, () => void server.kill("SIGKILL"));
    for (let tries = 0; tries < 100; tries += 1) {
      const { code } = await run("nsenter", [`--net=${netns}`, "busybox", "wget", "-qO-", `http://${address}:8080/`], {
        accept: [0, 1],
      });
      if (code === 0) return;
      await realClock.sleep(10);
    }
    throw new Error(`no answer from ${address}`);
  }

  const get = async (url: string): Promise<string> => (await inside("busybox", "wget", "-qO-", url)).stdout;

  const frontend = (backends: string[], more: Partial<Frontend> = {}): Frontend => ({
    service: "default/web:http",
    address: VIP,
    protocol: "tcp",
    port: 80,
    backends: backends.map((address) => `${address}:8080`),
    masquerade: false,
    affinitySeconds: 0,
    ...more,
  });

  async function step(before: Ruleset | undefined, frontends: Frontend[]): Promise<Ruleset> {
    const after = rulesetOf(frontends);
    const script = before === undefined ? fullScript(options, after) : incrementalScript(options, before, after);
    if (script !== undefined) await apply(script);
    return after;
  }

  test("connections spread over the backends, and follow every incremental change", async () => {
    await backend("10.64.0.2");
    await backend("10.64.0.3");
    let rules = await step(undefined, [frontend(["10.64.0.2", "10.64.0.3"])]);
    const seen = new Set<string>();
    for (let i = 0; i < 24; i += 1) seen.add(await get(`http://${VIP}/`));
    expect([...seen].sort()).toEqual(["10.64.0.2", "10.64.0.3"]);
    rules = await step(rules, [frontend(["10.64.0.3"])]);
    for (let i = 0; i < 6; i += 1) expect(await get(`http://${VIP}/`)).toBe("10.64.0.3");
    rules = await step(rules, [frontend([])]);
    await expect(get(`http://${VIP}/`)).rejects.toThrow(/refused/);
    rules = await step(rules, [frontend(["10.64.0.2"])]);
    expect(await get(`http://${VIP}/`)).toBe("10.64.0.2");
    await step(rules, []);
    await expect(get(`http://${VIP}/`)).rejects.toThrow(/refused/);
  });

  test("a node port answers at the node's own address", async () => {
    await backend("10.64.0.2");
    await inside("ip", "addr", "add", "192.0.2.7/32", "dev", "lo");
    await step(undefined, [frontend(["10.64.0.2"], { address: undefined, port: 30080, masquerade: true })]);
    expect(await get("http://192.0.2.7:30080/")).toBe("10.64.0.2");
  });

  test("session affinity keeps a client at its backend while others come and go", async () => {
    for (const address of ["10.64.0.2", "10.64.0.3", "10.64.0.4"]) await backend(address);
    const sticky = (backends: string[]) => [frontend(backends, { affinitySeconds: 60 })];
    let rules = await step(undefined, sticky(["10.64.0.2", "10.64.0.3"]));
    const first = await get(`http://${VIP}/`);
    for (let i = 0; i < 8; i += 1) expect(await get(`http://${VIP}/`)).toBe(first);
    rules = await step(rules, sticky([first, "10.64.0.4"]));
    for (let i = 0; i < 8; i += 1) expect(await get(`http://${VIP}/`)).toBe(first);
    rules = await step(rules, sticky(["10.64.0.4"]));
    expect(await get(`http://${VIP}/`)).toBe("10.64.0.4");
    await step(rules, []);
    await expect(get(`http://${VIP}/`)).rejects.toThrow(/refused/);
  });
});
