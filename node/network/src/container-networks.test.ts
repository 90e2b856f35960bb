import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeOf, silentLogger } from "@tsukube/foundation";
import { realClock, systemRandom, writeRecord } from "@tsukube/host";
import type { Links } from "@tsukube/kernel";
import { expect, onTestFinished, test } from "vitest";
import { systemCommands } from "./commands.ts";
import { type ContainerNetworksOptions, openContainerNetworks } from "./container-networks.ts";
import { containerPortsIn, holderOf, podPortsIn } from "./host-ports.ts";
import type { Lease } from "./leases.ts";
import type { Uplink } from "./uplink.ts";

const POOLS = ["203.0.113.0/26", "203.0.113.64/26", "203.0.113.128/26"]; // for documentation: nobody routes them

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-networks-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Networks with records and without a kernel. */
const open = (folder: string, more: Partial<ContainerNetworksOptions> = {}) =>
  openContainerNetworks({
    ...{ folder, table: "none", sysctlRecord: join(folder, "sysctls"), pools: POOLS, clock: realClock },
    ...{ random: systemRandom, logger: silentLogger },
    commands: { ...systemCommands, ip: async () => {}, nft: async () => {} },
    ...more,
  });

const network = (name: string) => ({ name, internal: false, labels: {} });
const port = (...hostPorts: readonly [number, number]) =>
  ({
    protocol: "tcp",
    hostAddress: "127.0.0.1",
    containerPort: 80,
    containerAddress: "203.0.113.2",
    hostPorts,
  }) as const;

const lease = (ports: Lease["ports"]): Lease => ({
  ...{ address: "10.64.0.7", containerId: "pod", interfaceName: "eth0", hostLink: "v", ports },
});

/** An uplink of which nothing is left. */
const gone: Uplink = {
  ...{ netns: "/nowhere", subnet: "10.0.2.0/24", resolver: "10.0.2.3" },
  isThere: () => false,
  ensure: async () => true,
  lead: async () => new Map(),
  close: async () => {},
};

/** Codes of those that failed, "" for the others. */
async function outcomes(work: readonly Promise<unknown>[]): Promise<readonly string[]> {
  const settled = await Promise.allSettled(work);
  return settled.map((each) => (each.status === "rejected" ? (codeOf(each.reason) ?? "?") : "")).sort();
}

test("of two networks of one name that are made at once one is refused, and who only needs it gets that", async () => {
  const networks = await open(scratch());
  expect(await outcomes([networks.create(network("a")), networks.create(network("a"))])).toEqual(["", "conflict"]);
  const ensured = await Promise.all([networks.ensure(network("b")), networks.ensure(network("b"))]);
  expect(new Set([...ensured, ...networks.all].map(({ name, id }) => `${name} ${id}`)).size).toBe(2);
});

test("networks have a subnet of IPv6 that no other has, and addresses in it", async () => {
  const networks = await open(scratch());
  const made = [
    await networks.create({ ...network("a"), ipv6: {} }),
    await networks.create({ ...network("b"), ipv6: {} }),
  ];
  for (const { ipv6 } of made) expect(ipv6?.subnet).toMatch(/^fd[0-9a-f:]+::\/64$/);
  expect(new Set(made.map(({ ipv6 }) => ipv6?.subnet)).size).toBe(2);
  const six = (ipv6: object) => networks.create({ ...network("c"), ipv6 });
  await expect(six({ subnet: made[0]?.ipv6?.subnet })).rejects.toMatchObject({ code: "forbidden" });
  await expect(six({ subnet: "fd00::/127" })).rejects.toThrow("invalid subnet fd00::/127");
  await expect(six({ subnet: "203.0.113.0/24" })).rejects.toThrow("invalid subnet 203.0.113.0/24");
  await expect(six({ subnet: "fd00::/64", gateway: "fd01::1" })).rejects.toThrow("invalid gateway address fd01::1");
  const spec = { subnet: "fd00:0::5/126", reserved: { router: "fd00::6" } };
  expect((await six(spec)).ipv6).toEqual({
    subnet: "fd00::4/126",
    gateway: "fd00::5",
    reserved: { router: "fd00::6" },
  });
});

test.each([
  ["", "::"],
  ["", "127.0.0.1"],
  ["::", "fd00::1"],
  ["0.0.0.0", "127.0.0.1"],
  ["0.0.0.0", "::", ""],
  ["::", "127.0.0.1", ""],
])("a port of %j is that of %j, too", (one, other, holder = "x") => {
  const at = (hostAddress: string) => ({ protocol: "tcp", hostAddress, hostPort: 80 }) as const;
  expect(holderOf(at(one), [{ ...at(other), holder: "x" }]) ?? "").toBe(holder);
  expect(holderOf(at(other), [{ ...at(one), holder: "x" }]) ?? "").toBe(holder);
});

test("a host port that two containers publish at once belongs to one", async () => {
  const networks = await open(scratch());
  const fixed = ["a", "b"].map((id) => networks.publish(id, [port(28_081, 28_081)]));
  expect(await outcomes(fixed)).toEqual(["", "port-taken"]);
  const [c, d] = await Promise.all(["c", "d"].map((id) => networks.publish(id, [port(28_082, 28_083)])));
  expect([...(c ?? []), ...(d ?? [])].map(({ hostPort }) => hostPort).sort()).toEqual([28_082, 28_083]);
});

test("engines of one host that choose at once take different subnets and ports", async () => {
  const host = scratch();
  const folders = ["a", "b", "c"].map((name) => join(host, name));
  const engines = await Promise.all(
    folders.map((folder) =>
      open(folder, {
        others: () => folders.filter((other) => other !== folder).map((other) => ({ folder: other, isUp: true })),
        choiceLock: join(host, "lock"),
      }),
    ),
  );
  const made = await Promise.all(engines.map((engine) => engine.create(network("same"))));
  expect(made.map(({ subnet }) => subnet).sort()).toEqual([...POOLS].sort());
  const published = engines.map((engine) => engine.publish("x", [port(28_084, 28_084)]));
  expect(await outcomes(published)).toEqual(["", "port-taken", "port-taken"]);
});

test("ports of an engine that a reboot ended are free, its subnets are not", async () => {
  const host = scratch();
  const before = await open(join(host, "a"));
  const { subnet } = await before.create(network("x"));
  await before.publish("x", [port(28_085, 28_085)]);
  const after = await open(join(host, "b"), { others: () => [{ folder: join(host, "a"), isUp: false }] });
  expect((await after.create(network("x"))).subnet).not.toBe(subnet);
  expect(await outcomes([after.publish("x", [port(28_085, 28_085)])])).toEqual([""]);
});

test("a host port that a pod has is refused, and who has it is said", async () => {
  const folder = scratch();
  const ports = [{ protocol: "tcp", hostIp: "0.0.0.0", hostPort: 28_086, containerPort: 80 }] as const;
  mkdirSync(join(folder, "leases"));
  await writeRecord(join(folder, "leases/10.64.0.7"), lease(ports));
  const networks = await open(join(folder, "a"), { podPorts: () => podPortsIn(folder) });
  await expect(networks.publish("x", [port(28_086, 28_086)])).rejects.toMatchObject({
    code: "port-taken",
    message: "Bind for 127.0.0.1:28086 failed: port is already allocated (a pod at 10.64.0.7 has it)",
  });
  expect((await networks.publish("x", [port(28_086, 28_087)])).map(({ hostPort }) => hostPort)).toEqual([28_087]);
  expect(await containerPortsIn(join(folder, "a"))).toMatchObject([{ hostPort: 28_087, holder: "container x" }]);
});

test("an address that this machine has not publishes nothing", async () => {
  const networks = await open(scratch());
  for (const protocol of ["tcp", "udp"] as const) {
    const wish = { ...port(28_088, 28_088), protocol, hostAddress: "203.0.113.9" };
    await expect(networks.publish("x", [wish])).rejects.toThrow("cannot assign requested address");
  }
  expect(networks.published("x")).toEqual([]);
});

test.each(["203.0.113.64/27", "203.0.113.0/25", "203.0.113", "203.0.113.300/28"])(
  "a range of addresses that is no part of its subnet is refused: %s",
  async (range) => {
    const networks = await open(scratch());
    const subnet = { ...network("a"), subnet: "203.0.113.0/26" };
    await expect(networks.create({ ...subnet, range })).rejects.toMatchObject({ code: "invalid" });
    expect(await networks.create({ ...subnet, range: "203.0.113.32/27" })).toMatchObject({ range: "203.0.113.32/27" });
  },
);

test("an uplink that is new when a container comes leads to the ports of those that are there", async () => {
  const folder = scratch();
  await (await open(folder)).publish("a", [port(28_092, 28_092)]);
  const led: number[] = [];
  const uplink: Uplink = {
    ...gone,
    isThere: () => true,
    lead: async (ports) => {
      led.push(...ports.map(({ hostPort }) => hostPort));
      return new Map();
    },
  };
  const networks = await open(folder, { uplink, links: {} as Links });
  const { id } = await networks.create(network("n"));
  const spec = { containerId: "b", networkId: id, netns: "/nowhere", names: [], isDefault: true };
  await networks.attach(spec).catch(() => {}); // there is no kernel here
  expect(led).toEqual([28_092]);
});

test("ports are given up after a reboot took the namespace of an engine without root", async () => {
  const folder = scratch();
  await (await open(folder)).publish("a", [port(28_091, 28_091)]);
  const nft = (): Promise<void> => Promise.reject(new Error("no such namespace"));
  const networks = await open(folder, { uplink: gone, commands: { ...systemCommands, ip: async () => {}, nft } });
  expect(networks.published("a")).toHaveLength(1);
  await networks.unpublish("a");
  expect((await open(folder)).published("a")).toEqual([]);
});
