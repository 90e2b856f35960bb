import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { realClock, run, systemRandom } from "@tsukube/host";
import type { Attachment } from "@tsukube/node-contracts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Commands, systemCommands } from "./commands.ts";
import { openContainerNetworks } from "./container-networks.ts";
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

  async function open(commands: Commands = systemCommands) {
    const sysctlRecord = join(folder, "sysctls");
    const parts = { folder, table, sysctlRecord, pools: ["10.192.0.0/24"], commands };
    const networks = await openContainerNetworks({
      ...{ ...parts, clock: realClock, random: systemRandom, logger: silentLogger },
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
});
