import { spawnSync } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { systemMounts } from "@tsukube/kernel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cri, EngineUnderTest } from "../engine-under-test.ts";

const canHaveUsers = spawnSync("unshare", ["--user", "true"]).status === 0;
const OUTSIDE = 300_000;
const ids = [{ containerId: 0, hostId: OUTSIDE, length: 65_536 }];
const usernsOptions = { mode: "POD" as const, uids: ids, gids: ids };
const IMAGE = "tsukube.local/busybox";

describe.skipIf(process.getuid?.() !== 0 || !canHaveUsers)(
  "sandboxes with users of their own (need root, and no chroot)",
  () => {
    const world = new EngineUnderTest();
    const volume = `${world.folder}/volume`;
    let cri: Cri;
    let sandbox: string;

    beforeAll(async () => {
      await world.start();
      cri = world.dial();
      mkdirSync(volume);
      writeFileSync(`${volume}/given`, "from outside");
      const securityContext = { namespaceOptions: { usernsOptions, pid: "POD" as const } };
      sandbox = await world.sandbox(cri, { linux: { cgroupParent: world.cgroupParent, securityContext } });
    });
    afterAll(() => world.close());

    const pidOf = (id: string): number => Number(readFileSync(`${world.folder}/run/bundles/${id}/pidfile`, "utf8"));
    const exec = async (containerId: string, line: string): Promise<string> => {
      const { stdout, stderr } = await cri.ExecSync({ containerId, cmd: ["sh", "-c", line] });
      return Buffer.from(stdout ?? []).toString() + Buffer.from(stderr ?? []).toString();
    };

    test("the runtime says that it can have them", async () => {
      const { runtimeHandlers = [] } = await cri.Status({});
      expect(runtimeHandlers[0]?.features?.userNamespaces).toBe(true);
    });

    test("root inside owns the container's files and is nobody outside", async () => {
      const mounts = [
        { hostPath: volume, containerPath: "/volume", uidMappings: ids, gidMappings: ids },
        { hostPath: volume, containerPath: "/plain" },
        { image: { image: IMAGE }, containerPath: "/image", readonly: true },
      ];
      const securityContext = {
        namespaceOptions: { usernsOptions, pid: "POD" as const },
        capabilities: { addCapabilities: ["NET_ADMIN"] },
      };
      const id = await world.run(cri, sandbox, ["sleep", "1000"], { mounts, linux: { securityContext } });
      expect(readFileSync(`/proc/${pidOf(id)}/status`, "utf8")).toMatch(new RegExp(`^Uid:\t${OUTSIDE}\t`, "m"));
      expect(await exec(id, "id -u; cat /proc/self/uid_map")).toMatch(/^0\n\s+0\s+300000\s+65536\n$/);
      expect(await exec(id, "stat -c %u /bin/busybox /image/bin/busybox /volume/given /plain/given /etc/hosts")).toBe(
        "0\n0\n0\n65534\n0\n",
      );
      expect(
        await exec(id, "echo x > /bin/mine && echo y > /volume/mine && chown 7:8 /volume/mine && echo >> /etc/hosts"),
      ).toBe("");
      expect([lstatSync(`${volume}/mine`).uid, lstatSync(`${volume}/mine`).gid]).toEqual([7, 8]);
      expect(await exec(id, "(echo x > /plain/mine) 2>/dev/null || echo refused")).toBe("refused\n");
      expect(await exec(id, "hostname; ip link set lo up && ping -c 1 127.0.0.1 | grep -c 'from 127'")).toBe(
        "pod-a\n1\n",
      );
      expect(await exec(id, "touch /dev/shm/x && stat -c %u /dev/shm /dev/shm/x")).toBe("0\n0\n");
    });

    test("users inside are users outside each for itself; nothing of them stays", async () => {
      const securityContext = {
        namespaceOptions: { usernsOptions, pid: "POD" as const },
        runAsUser: { value: 1000 },
        runAsGroup: { value: 1001 },
      };
      const id = await world.run(cri, sandbox, ["sleep", "1000"], { linux: { securityContext } });
      expect(readFileSync(`/proc/${pidOf(id)}/status`, "utf8")).toMatch(/^Uid:\t301000\t[\s\S]*^Gid:\t301001\t/m);
      await cri.RemovePodSandbox({ podSandboxId: sandbox });
      expect(systemMounts.below(`${world.folder}/run`)).toEqual([]);
      expect(systemMounts.below(`${world.folder}/state`)).toEqual([]);
      expect(readdirSync(`${world.folder}/state/s/m`)).toEqual([]);
      expect(readFileSync(`${volume}/given`, "utf8")).toBe("from outside");
    });
  },
);
