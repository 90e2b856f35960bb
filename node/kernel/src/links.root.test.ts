import { mkdirSync } from "node:fs";
import { Lifetime } from "@tsukube/foundation";
import { afterEach, describe, expect, test } from "vitest";
import { systemLinks } from "./links.ts";
import { systemMounts } from "./mounts.ts";
import { systemNamespaces } from "./namespaces.ts";
import { linksByProgram } from "./program-links.ts";
import { run } from "./programs.ts";
import { scratchFolder } from "./scratch.ts";

describe.skipIf(process.getuid?.() !== 0)("links and mounts of the kernel (need root)", () => {
  let lifetime = new Lifetime();
  afterEach(async () => {
    await lifetime.close();
    lifetime = new Lifetime();
  });

  function folder(): string {
    const scratch = scratchFolder("kernel");
    lifetime.add("folder", scratch.remove);
    return scratch.path;
  }

  test.each(["sockets", "programs"])(
    "a pair of links joins a namespace to a bridge of another, with address and routes, by %s",
    async (by) => {
      const namespaces = systemNamespaces();
      const [host, pod] = [`${folder()}/host`, `${folder()}/pod`];
      for (const path of [host, pod]) {
        await namespaces.pin({ net: path }, "true");
        lifetime.add(path, () => namespaces.unpin(path));
      }
      await run("nsenter", [`--net=${host}`, "ip", "link", "add", "br0", "type", "bridge"]);
      const links = by === "sockets" ? systemLinks(namespaces) : linksByProgram(host);
      const pair = { host: "veth1", bridge: "br0", inside: "eth0", netns: pod, mac: "0a:58:0a:00:00:05", mtu: 1400 };
      await namespaces.within(host, () => links.connect(pair));
      await links.configure(pod, "eth0", "10.0.0.5", "10.0.0.1");
      const shown = async (netns: string, ...what: readonly string[]): Promise<string> =>
        (await run("nsenter", [`--net=${netns}`, "ip", ...what])).stdout;
      const outside = await shown(host, "-d", "link", "show", "veth1");
      expect(outside).toMatch(/UP.* mtu 1400 .*master br0/);
      expect(outside).toContain("hairpin on");
      expect(await shown(pod, "addr")).toMatch(/link\/ether 0a:58:0a:00:00:05[\s\S]*inet 10\.0\.0\.5\/32/);
      expect(await shown(pod, "addr", "show", "lo")).toContain("inet 127.0.0.1/8");
      expect(await shown(pod, "route")).toBe("default via 10.0.0.1 dev eth0 \n10.0.0.1 dev eth0 scope link \n");
      await links.configure(pod, "eth0", "fd00::5", "fd00::1");
      const six = await shown(pod, "-6", "addr", "show", "dev", "eth0");
      expect(six).toMatch(/inet6 fd00::5\/128 scope global nodad/);
      const routes = (await shown(pod, "-6", "route")).split("\n").filter((route) => route.includes("fd00::1"));
      expect(routes).toEqual([
        expect.stringMatching(/^fd00::1 dev eth0 /),
        expect.stringMatching(/^default via fd00::1 dev eth0 /),
      ]);
      await expect(namespaces.within(host, () => links.connect(pair))).rejects.toThrow(
        by === "sockets" ? 'add link "veth1" to "br0": the kernel answered EEXIST' : "File exists",
      );
      await namespaces.within(host, () => links.remove("veth1"));
      await namespaces.within(host, () => links.remove("veth1")); // again changes nothing
      expect(await shown(host, "link")).not.toContain("veth1");
    },
  );

  test("a path is a mount point or not, whatever kind of mount it is", () => {
    const root = folder();
    const [tmpfs, bound, plain] = [`${root}/tmpfs`, `${root}/bound`, `${root}/plain`];
    for (const path of [tmpfs, bound, plain]) mkdirSync(path);
    systemMounts.tmpfs(tmpfs, {});
    lifetime.add("tmpfs", () => systemMounts.unmount(tmpfs));
    systemMounts.bind(plain, bound);
    lifetime.add("bound", () => systemMounts.unmount(bound));
    expect([tmpfs, bound, plain, `${root}/missing`].map((path) => systemMounts.isMounted(path))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
