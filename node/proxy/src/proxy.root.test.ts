import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { type IpFamily, withPort } from "@tsukube/foundation/ip-network";
import { realClock, run } from "@tsukube/host";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Frontend } from "./frontends.ts";
import { type Ruleset, rulesetOf } from "./ruleset.ts";
import { fullScript, incrementalScript } from "./script.ts";

const isRoot = process.getuid?.() === 0;
const table = { table: "tsukube-proxy-test", bridge: "none0" };
const options = {
  IPv4: { ...table, family: "IPv4", serviceCidr: "10.160.0.0/16" },
  IPv6: { ...table, family: "IPv6", serviceCidr: "fd00:160::/112" },
} as const;
const VIP = "10.160.0.9";
const VIP6 = "fd00:160::9";

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
    await inside("ip", "-6", "route", "add", "fd00:160::/112", "dev", "lo");
  });
  afterEach(() => lifetime.close());

  const inside = (...command: string[]) => run("nsenter", [`--net=${netns}`, ...command]);
  const apply = (input: string) => run("nsenter", [`--net=${netns}`, "nft", "-f", "-"], { input });

  /** A web server at an address of its own that answers with that address. */
  async function backend(address: string): Promise<void> {
    const six = address.includes(":");
    await inside("ip", "addr", "add", ...(six ? [`${address}/128`, "nodad"] : [`${address}/32`]), "dev", "lo");
    const at = withPort(address, 8080);
    const home = join(folder, address);
    mkdirSync(home);
    writeFileSync(join(home, "index.html"), address);
    const server = spawn("nsenter", [`--net=${netns}`, "busybox", "httpd", "-f", "-p", at, "-h", home]);
    lifetime.add(address, () => void server.kill("SIGKILL"));
    for (let tries = 0; tries < 100; tries += 1) {
      const { code } = await run("nsenter", [`--net=${netns}`, "busybox", "wget", "-qO-", `http://${at}/`], {
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
    family: "IPv4",
    address: VIP,
    protocol: "tcp",
    port: 80,
    backends: backends.map((address) => withPort(address, 8080)),
    masquerade: false,
    affinitySeconds: 0,
    ...more,
  });

  async function step(before: Ruleset | undefined, frontends: Frontend[], family: IpFamily = "IPv4"): Promise<Ruleset> {
    const after = rulesetOf(frontends, family);
    const of = options[family];
    const script = before === undefined ? fullScript(of, after) : incrementalScript(of, before, after);
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

  test("Services of IPv6 have a table of their own: connections spread, follow changes and are refused without backends", async () => {
    await backend("fd00:64::2");
    await backend("fd00:64::3");
    const six = (...backends: string[]) => [frontend(backends, { family: "IPv6", address: VIP6 })];
    let rules = await step(undefined, six("fd00:64::2", "fd00:64::3"), "IPv6");
    await step(undefined, []); // that of IPv4 stands beside it
    const seen = new Set<string>();
    for (let i = 0; i < 24; i += 1) seen.add(await get(`http://[${VIP6}]/`));
    expect([...seen].sort()).toEqual(["fd00:64::2", "fd00:64::3"]);
    rules = await step(rules, six("fd00:64::3"), "IPv6");
    for (let i = 0; i < 6; i += 1) expect(await get(`http://[${VIP6}]/`)).toBe("fd00:64::3");
    await step(rules, six(), "IPv6");
    await expect(get(`http://[${VIP6}]/`)).rejects.toThrow(/refused/);
  });

  test("node ports and session affinity are served for IPv6 too", async () => {
    for (const address of ["fd00:64::2", "fd00:64::3"]) await backend(address);
    await inside("ip", "addr", "add", "2001:db8::7/128", "dev", "lo", "nodad");
    const six = { family: "IPv6", address: VIP6, affinitySeconds: 60 } as const;
    const node = { family: "IPv6", address: undefined, port: 30080, masquerade: true } as const;
    const both = ["fd00:64::2", "fd00:64::3"];
    const rules = await step(undefined, [frontend(both, six), frontend(["fd00:64::3"], node)], "IPv6");
    expect(await get("http://[2001:db8::7]:30080/")).toBe("fd00:64::3");
    const first = await get(`http://[${VIP6}]/`);
    for (let i = 0; i < 8; i += 1) expect(await get(`http://[${VIP6}]/`)).toBe(first);
    const [other = ""] = both.filter((address) => address !== first);
    await step(rules, [frontend([other], six)], "IPv6");
    expect(await get(`http://[${VIP6}]/`)).toBe(other);
  });
});
