import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { realClock, run } from "@tsukube/host";
import type { CniRequest } from "@tsukube/node-contracts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ensureBridge, removeBridge } from "./bridge.ts";
import { leadLoopbackTo } from "./loopback-under-test.ts";
import { openPodNetwork } from "./pod-network.ts";
import { removePodTable } from "./pod-table.ts";

const isRoot = process.getuid?.() === 0;
const bridge = "tsukube91";
const table = "tsukube-network-test";
const ipv6 = { podCidr: "fd00:10:191::/64", gateway: "fd00:10:191::1", isPrimary: false };
const options = { podCidr: "10.191.0.0/24", gateway: "10.191.0.1", bridge, table };

describe.skipIf(!isRoot)("pod network (needs root)", () => {
  let lifetime: Lifetime;
  let folder: string;

  beforeEach(async () => {
    lifetime = new Lifetime();
    folder = mkdtempSync(join(tmpdir(), "tsukube-network-"));
    lifetime.add("folder", () => rmSync(folder, { recursive: true }));
    const sysctlRecord = join(folder, "sysctls");
    lifetime.add("table", async () => void (await run("nft", ["-f", "-"], { input: removePodTable(table, true) })));
    lifetime.add("bridge", () => removeBridge({ name: bridge, sysctlRecord, othersRemain: false }));
    await make();
  });
  afterEach(() => lifetime.close());

  const make = () =>
    ensureBridge({
      ...{ name: bridge, gateway: options.gateway, prefixLength: 24, sysctlRecord: join(folder, "sysctls") },
      ipv6: { gateway: ipv6.gateway, prefixLength: 64 },
    });

  const open = () => openPodNetwork({ ...options, stateDirectory: folder });

  async function namespace(name: string): Promise<string> {
    const path = join(folder, name);
    writeFileSync(path, "");
    await run("unshare", [`--net=${path}`, "true"]);
    lifetime.add(path, async () => void (await run("umount", [path])));
    return path;
  }

  function request(name: string, netns: string, hostPort = 0): CniRequest {
    const portMappings = hostPort === 0 ? [] : [{ protocol: "tcp" as const, hostIp: "", hostPort, containerPort: 80 }];
    return {
      containerId: name,
      netns,
      interfaceName: "eth0",
      podNamespace: "default",
      podName: name,
      podUid: name,
      portMappings,
    };
  }

  const ping = (netns: string, address: string) =>
    run("nsenter", [`--net=${netns}`, "busybox", "ping", "-c1", "-W2", address]);

  test("two pods reach the gateway and each other; removal leaves no link", async () => {
    const network = await open();
    const [a, b] = [await namespace("a"), await namespace("b")];
    const first = await network.add(request("a", a));
    const second = await network.add(request("b", b));
    expect([first.ips, second.ips]).toEqual([["10.191.0.2"], ["10.191.0.3"]]);
    await ping(a, options.gateway);
    await ping(a, "10.191.0.3");
    await network.check(request("a", a));
    await network.remove(request("a", a));
    await network.remove(request("a", a));
    await expect(network.check(request("a", a))).rejects.toMatchObject({ code: "not-attached" });
    await network.remove(request("b", b));
    expect((await run("ip", ["-o", "link", "show", "master", bridge])).stdout).toBe("");
  });

  test("the bridge keeps its link address whoever comes and goes, because pods remember it", async () => {
    const addressOf = async () => (await readFile(`/sys/class/net/${bridge}/address`, "utf8")).trim();
    const before = await addressOf();
    const port = "tsukube91-low";
    await run("ip", ["link", "add", port, "address", "02:00:00:00:00:01", "type", "veth"]);
    lifetime.add(port, async () => void (await run("ip", ["link", "del", port])));
    await run("ip", ["link", "set", port, "master", bridge]);
    expect(await addressOf()).toBe(before);
    // of an earlier version, whose bridges had the lowest address of their ports
    await run("ip", ["link", "del", bridge]);
    await run("ip", ["link", "add", bridge, "type", "bridge"]);
    await run("ip", ["link", "set", port, "master", bridge]);
    await make();
    await run("ip", ["link", "set", port, "nomaster"]);
    expect(await addressOf()).toBe("02:00:00:00:00:01");
  });

  test("without its bridge, or while that is down, the network is not ready and says so", async () => {
    const network = await open();
    await network.status();
    await run("ip", ["link", "set", bridge, "down"]);
    await expect(network.status()).rejects.toThrow(`bridge "${bridge}" is down`);
    await run("ip", ["link", "del", bridge]);
    await expect(network.status()).rejects.toThrow(`bridge "${bridge}" is missing`);
  });

  test("after a restart ADD of an attached pod answers the same and collect frees what is gone", async () => {
    const a = await namespace("a");
    const before = await (await open()).add(request("a", a));
    const again = await open();
    expect(await again.add(request("a", a))).toEqual(before);
    await again.collect([]);
    await expect(again.check(request("a", a))).rejects.toMatchObject({ code: "not-attached" });
  });

  test("a host port leads to the pod, and a second pod cannot take it", async () => {
    const network = await open();
    const [a, b] = [await namespace("a"), await namespace("b")];
    await network.add(request("a", a, 31991));
    const { stdout } = await run("nft", ["list", "chain", "ip", table, "hostports"]);
    expect(stdout).toContain("dport 31991 dnat to 10.191.0.2:80");
    await expect(network.add(request("b", b, 31991))).rejects.toMatchObject({ code: "port-taken" });
    await network.remove(request("a", a));
    expect((await network.add(request("b", b, 31991))).ips).toHaveLength(1);
  });

  test("a host port that a container has is refused while it has it", async () => {
    let elsewhere = [{ protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 31992, holder: "container abc" }] as const;
    const ports = { elsewhere: async () => elsewhere, choiceLock: join(folder, "lock"), clock: realClock };
    const network = await openPodNetwork({ ...options, stateDirectory: folder, ports });
    const a = await namespace("a");
    await expect(network.add(request("a", a, 31992))).rejects.toMatchObject({
      code: "port-taken",
      message: "Cannot publish host port 31992/tcp: it leads to container abc already, expected a free one",
    });
    elsewhere = [{ ...elsewhere[0], protocol: "udp" as never }];
    expect((await network.add(request("a", a, 31992))).ips).toHaveLength(1);
  });

  test("a pod does not reach what listens on the host's loopback alone", async () => {
    const network = await open();
    const a = await namespace("a");
    await network.add(request("a", a));
    await leadLoopbackTo(a, options.gateway);
    await expect(ping(a, "127.0.0.1")).rejects.toThrow("exit code 1");
    await run("nft", ["flush", "chain", "ip", table, "stray"]); // nothing else holds it up
    await ping(a, "127.0.0.1");
  });

  test("pods of two families reach the gateway and each other by either, through the gateway each time", async () => {
    const network = await openPodNetwork({ ...options, stateDirectory: folder, ipv6 });
    const [a, b] = [await namespace("a"), await namespace("b")];
    expect((await network.add(request("a", a))).ips).toEqual(["10.191.0.2", "fd00:10:191::2"]);
    const first = await openPodNetwork({ ...options, stateDirectory: folder, ipv6: { ...ipv6, isPrimary: true } });
    expect((await first.add(request("b", b))).ips).toEqual(["fd00:10:191::3", "10.191.0.3"]);
    for (const address of [ipv6.gateway, "fd00:10:191::3", "10.191.0.3"]) await ping(a, address);
    for (let times = 0; times < 3; times += 1) await ping(a, "fd00:10:191::3");
    const { stdout } = await run("nsenter", [`--net=${a}`, "ip", "-6", "neigh"]);
    expect(stdout).not.toContain("fd00:10:191::3 "); // nobody told it of the short way
    await run("busybox", ["ping", "-c1", "-W2", "fd00:10:191::2"]);
    await network.remove(request("a", a));
    await network.remove(request("b", b));
  });

  test("a host port leads to the pod by the host's IPv6 address, too", async () => {
    const network = await openPodNetwork({ ...options, stateDirectory: folder, ipv6 });
    await network.add(request("a", await namespace("a"), 31993));
    const { stdout } = await run("nft", ["list", "chain", "ip6", table, "hostports"]);
    expect(stdout).toContain("tcp dport 31993 dnat to [fd00:10:191::2]:80");
  });
});
