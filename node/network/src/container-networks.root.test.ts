import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { realClock, run, systemRandom } from "@tsukube/host";
import { linksByProgram } from "@tsukube/kernel";
import type { Attachment } from "@tsukube/node-contracts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Commands, commandsWithin, systemCommands } from "./commands.ts";
import { type ContainerNetworksOptions, openContainerNetworks } from "./container-networks.ts";
import { leadLoopbackTo } from "./loopback-under-test.ts";

const isRoot = process.getuid?.() === 0;
const table = "tsukube-container-networks-test";

describe.skipIf(!isRoot)("networks of containers (need root)", () => {
  let lifetime: Lifetime;
  let folder: string;

  beforeEach(() => {
    lifetime = new Lifetime();
    folder = mkdtempSync(join(tmpdir(), "tsukube-networks-"));
    lifetime.add("folder", () => rmSync(folder, { recursive: true }));
  });
  afterEach(() => lifetime.close());

  async function open(commands: Commands = systemCommands, more: Partial<ContainerNetworksOptions> = {}) {
    const sysctlRecord = join(folder, "sysctls");
    const parts = { folder, table, sysctlRecord, pools: ["10.192.0.0/24"], commands };
    const networks = await openContainerNetworks({
      ...{ ...parts, clock: realClock, random: systemRandom, logger: silentLogger, ...more },
    });
    lifetime.add("host", () => networks.cleanHost(false));
    return { networks, network: await networks.ensure({ name: "test", internal: false, labels: {} }) };
  }

  async function namespace(name: string): Promise<string> {
    const path = join(folder, name);
    writeFileSync(path, "");
    await run("unshare", [`--net=${path}`, "ip", "link", "set", "lo", "up"]);
    lifetime.add(path, async () => void (await run("umount", [path])));
    return path;
  }

  const ping = (netns: string, address: string) =>
    run("nsenter", [`--net=${netns}`, "busybox", "ping", "-c1", "-W2", address]);

  test("a container reaches neither the host's loopback nor a neighbour's", async () => {
    const { networks, network } = await open();
    const attached: Attachment[] = [];
    for (const containerId of ["a", "b"])
      attached.push(
        await networks.attach({
          ...{ containerId, networkId: network.id, netns: await namespace(containerId), names: [], isDefault: true },
        }),
      );
    const [a, b] = attached as [Attachment, Attachment];
    await networks.leadNames(b.netns, network.gateway);
    const flush = (...place: readonly string[]) => [...place, "nft", "flush", "chain", "ip"];
    const guards = [
      { neighbour: network.gateway, opened: [...flush(), table, "stray"] },
      { neighbour: b.address, opened: [...flush("nsenter", `--net=${b.netns}`), "tsukube-names", "stray"] },
    ];
    for (const { neighbour, opened } of guards) {
      await leadLoopbackTo(a.netns, neighbour);
      await expect(ping(a.netns, "127.0.0.1")).rejects.toThrow("exit code 1");
      await run(opened[0] ?? "", opened.slice(1));
      await ping(a.netns, "127.0.0.1"); // nothing else held it up
    }
  });

  test("an attachment fails when the firewall refuses its table, the next one tries again, and no engine is held up", async () => {
    let refuses = true;
    const commands: Commands = {
      ...systemCommands,
      nft: async (script) => {
        if (refuses) throw new Error("out of memory");
        await systemCommands.nft(script);
      },
    };
    const { networks, network } = await open(commands);
    const attach = async (containerId: string) =>
      networks.attach({
        ...{ containerId, networkId: network.id, netns: await namespace(containerId), names: [], isDefault: true },
      });
    await expect(attach("a")).rejects.toThrow("out of memory");
    expect(networks.attachments).toEqual([]);
    refuses = false;
    const { address } = await attach("b");
    expect(address).toMatch(/^10\.192\.0\./);
    refuses = true;
    const { networks: next } = await open(commands);
    expect(next.attachments).toMatchObject([{ containerId: "b", address }]);
    refuses = false;
  });

  describe("of a host with a neighbour", () => {
    const HOST = "10.193.0.1";

    /** A host that is a network namespace, and one on the same wire that sends by it to containers. */
    async function neighbourhood() {
      const home = await namespace("home");
      const neighbour = await namespace("neighbour");
      const within = (netns: string, ...command: readonly string[]) =>
        run("nsenter", [`--net=${netns}`, ...command], { accept: [0, 1] });
      const wire = ["link", "add", "wire", "type", "veth", "peer", "name", "eth0", "netns", neighbour];
      await within(home, "ip", ...wire);
      await within(home, "ip", "addr", "add", `${HOST}/24`, "dev", "wire");
      await within(home, "ip", "link", "set", "wire", "up");
      await within(neighbour, "ip", "addr", "add", "10.193.0.2/24", "dev", "eth0");
      await within(neighbour, "ip", "link", "set", "eth0", "up");
      await within(neighbour, "ip", "route", "add", "10.192.0.0/24", "via", HOST);
      const opened = await open(commandsWithin(home), { links: linksByProgram(home) });
      const attach = async (containerId: string) =>
        opened.networks.attach({
          ...{ containerId, networkId: opened.network.id, netns: await namespace(containerId), names: [] },
          isDefault: true,
        });
      /** What netcat says of a port where nobody listens: that it is refused, when it gets there. */
      const asks = async (from: string, address: string, port: number, seconds = 20) =>
        (await within(from, "busybox", "nc", "-w", String(seconds), address, String(port))).stderr;
      return { ...opened, home, neighbour, within, attach, asks };
    }

    test("it knows who comes of a network that is routed, whose containers see each other by what they publish alone", async () => {
      const { networks, home, neighbour, within, asks } = await neighbourhood();
      await within(neighbour, "ip", "route", "add", "10.192.1.0/24", "via", HOST);
      const options = { bridge: "br-routed", isIsolated: true, isRouted: true, interfacePrefix: "shop" };
      const spec = { name: "routed", internal: false, labels: {}, subnet: "10.192.1.0/24", ...options };
      await expect(networks.create({ ...spec, bridge: "wire" })).rejects.toThrow("this machine has one of that name");
      const { id } = await networks.create(spec);
      const other = networks.create({ ...spec, name: "other", subnet: "10.192.2.0/24" });
      await expect(other).rejects.toThrow("network routed has one of that name");
      const [a, b] = [await namespace("a"), await namespace("b")];
      const join = (containerId: string, netns: string) =>
        networks.attach({ containerId, networkId: id, netns, names: [], isDefault: true });
      const { address, interfaceName } = await join("a", a);
      await join("b", b);
      expect(interfaceName).toBe("shop0");
      expect((await within(home, "ip", "-o", "link", "show", "dev", "br-routed")).stdout).toContain("state UP");
      expect(await asks(b, address, 80, 1)).toMatch(/timed out|unreachable/);
      await networks.publish("a", [wish(address, "tcp")]);
      expect(await asks(b, "10.192.1.1", 4080)).toContain("refused");
      expect(await asks(b, "10.193.0.2", 80)).toContain("refused");
      await within(b, "bash", "-c", "echo > /dev/udp/10.193.0.2/80");
      const { stdout } = await within(home, "conntrack", "-L", "-p", "udp", "--orig-dst", "10.193.0.2");
      expect(stdout).toMatch(/ src=10\.193\.0\.2 dst=10\.192\.1\.\d+ /);
    });

    const wish = (containerAddress: string, protocol: "tcp" | "udp") =>
      ({ protocol, hostAddress: "", containerPort: 80, containerAddress, hostPorts: [4080, 4080] }) as const;

    test("it reaches what containers publish, and nothing else of them", async () => {
      const { networks, home, neighbour, attach, asks } = await neighbourhood();
      const { address } = await attach("a");
      await networks.publish("a", [wish(address, "tcp")]);
      expect(await asks(home, address, 80)).toContain("refused");
      expect(await asks(neighbour, HOST, 4080)).toContain("refused");
      expect(await asks(neighbour, address, 80, 1)).toContain("timed out");
    });

    test("of both families, and what has IPv6 reaches it and is reached by it", async () => {
      const { networks, home, neighbour, within, asks } = await neighbourhood();
      for (const [netns, link, address] of [
        [home, "wire", "fd11:1::1/64"],
        [neighbour, "eth0", "fd11:1::2/64"],
      ] as const)
        await within(netns, "ip", "addr", "add", address, "dev", link, "nodad");
      const made = await networks.create({
        name: "six",
        internal: false,
        labels: {},
        subnet: "10.192.1.0/24",
        ipv6: {},
      });
      const ipv6 = made.ipv6 as NonNullable<typeof made.ipv6>;
      const closed = await networks.create({
        ...{ name: "closed", internal: true, labels: {}, subnet: "10.192.2.0/24", ipv6: { subnet: "fd11:2::/64" } },
      });
      const join = async (containerId: string, networkId: string, more = {}): Promise<Attachment> =>
        networks.attach({
          ...{ containerId, networkId, netns: await namespace(containerId), names: [], isDefault: true, ...more },
        });
      const b = await join("b", made.id);
      const a = await join("a", made.id, { ipv6Address: ipv6.gateway.replace(/1$/, "77") });
      const c = await join("c", closed.id);
      expect(b.ipv6).toEqual({ address: ipv6.gateway.replace(/1$/, "2"), prefixLength: 64, gateway: ipv6.gateway });
      expect(await asks(a.netns, b.ipv6?.address ?? "", 80)).toContain("refused");
      expect(await asks(a.netns, "fd11:1::2", 80)).toContain("refused"); // who does not know the way back
      expect(await asks(a.netns, c.ipv6?.address ?? "", 80, 1)).toContain("timed out");
      const both = { ...wish(b.address, "tcp"), containerIpv6Address: b.ipv6?.address ?? "" };
      expect(await networks.publish("b", [both])).toHaveLength(2);
      expect(await asks(neighbour, HOST, 4080)).toContain("refused");
      expect(await asks(neighbour, "fd11:1::1", 4080)).toContain("refused");
      expect(await asks(a.netns, ipv6.gateway, 4080)).toContain("refused");
      for (const { containerId } of networks.attachments) await networks.detach(containerId);
      for (const { id } of [made, closed]) await networks.remove(id);
      expect((await within(home, "nft", "list", "tables")).stdout).not.toContain("ip6");
    });

    test("datagrams are led to who publishes their port now, also those of a client that never pauses", async () => {
      const { networks, home, neighbour, within, attach } = await neighbourhood();
      await within(neighbour, "sh", "-c", "echo 4000 4000 > /proc/sys/net/ipv4/ip_local_port_range");
      const ledTo = async (): Promise<string | undefined> => {
        await within(neighbour, "bash", "-c", `echo > /dev/udp/${HOST}/4080`);
        const { stdout } = await within(home, "conntrack", "-L", "-p", "udp", "--orig-port-dst", "4080");
        return / src=(10\.192\.0\.\d+) /.exec(stdout)?.[1];
      };
      for (const name of ["a", "b"]) {
        const { address } = await attach(name);
        await networks.publish(name, [wish(address, "udp")]);
        expect(await ledTo()).toBe(address);
        await networks.unpublish(name);
        expect(await ledTo()).toBeUndefined();
      }
    });
  });
});
