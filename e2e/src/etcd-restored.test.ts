import { cpSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { run } from "@tsukube/host";
import { findEtcds } from "@tsukube/store/etcd-programs";
import { EtcdServer } from "@tsukube/store/etcd-server";
import { expect, test } from "vitest";
import { eventually } from "./eventually.ts";
import { Kubectl } from "./kubectl.ts";
import { Tsukube } from "./tsukube.ts";

const isRoot = process.getuid?.() === 0;
const MAPS = "/api/v1/namespaces/default/configmaps";

/** The newest is enough: what it is asked is the same in all. */
const ETCD = findEtcds().at(-1);

test.skipIf(!isRoot || ETCD === undefined)(
  "a cluster whose etcd was put back to a backup says so and serves nothing of it; told to, it goes on with that, and who knows of later revisions has to look again (needs root)",
  async () => {
    await using lifetime = new Lifetime();
    const { program, restorer } = ETCD!;
    const etcd = await EtcdServer.start({ program });
    lifetime.add("etcd", () => etcd.remove());
    const tsukube = new Tsukube(lifetime, "etcd-restored");
    const up = async (...more: readonly string[]) =>
      (await tsukube.run(["up", "--no-node", ...more], { accept: [0, 1, 2] })).stderr;
    const restart = async (change: (kept: string) => Promise<void> | void): Promise<void> => {
      await etcd.kill();
      await change(join(etcd.folder, "backup"));
      etcd.run();
      await etcd.ready();
    };
    await up("--etcd", etcd.clientUrl);
    const kubectl = new Kubectl((await tsukube.status()).kubeconfig);
    const names = async () => (await kubectl.out("get configmaps -o name")).split("\n").map((name) => name.slice(10));
    const versionOf = async (name: string) =>
      Number(await kubectl.out(`get configmap ${name} -o jsonpath={.metadata.resourceVersion}`));
    const refused =
      /Cannot start cluster "etcd-restored": .*; if that was restored from a backup of it, go on with "--etcd-restored"/;
    const goesOn = async (before: number): Promise<void> => {
      expect(await up("--etcd-restored")).toMatch(
        /goes on with what its etcd was restored to: it was at revision \d+ and is at \d+ now/,
      );
      expect(await names()).toEqual(["kept", "kube-root-ca.crt"]);
      await kubectl.run("create configmap later");
      expect(await versionOf("later")).toBeGreaterThan(before);
      const watched = await kubectl.out(`get --raw ${MAPS}?watch=1&timeoutSeconds=1&resourceVersion=${before}`);
      expect(JSON.parse(watched)).toMatchObject({ type: "ERROR", object: { code: 410 } });
      const asOf = `${MAPS}?resourceVersion=${before}&resourceVersionMatch=Exact`;
      expect(await kubectl.fails(`get --raw ${asOf}`)).toMatch(/Expired.*too old/);
      await kubectl.run("delete configmap later");
    };

    await kubectl.run("create configmap kept");
    await kubectl.run("delete configmap cluster-info --namespace kube-public"); // what else names the authority will do
    await etcd.stop();
    await restart((backup) => cpSync(etcd.data, backup, { recursive: true }));
    await kubectl.run("create configmap lost");
    const lost = await versionOf("lost");

    // of the same members and ID, while the control plane runs
    await restart((backup) => {
      rmSync(etcd.data, { recursive: true });
      cpSync(backup, etcd.data, { recursive: true });
    });
    await eventually("it ends", async () => (await tsukube.status()).processes.length === 0);
    expect(await up()).toMatch(refused);
    await goesOn(lost);

    const other = await EtcdServer.start({ program });
    lifetime.add("other etcd", () => other.remove());
    expect(await up("--etcd", other.clientUrl, "--etcd-restored")).toMatch(
      /expected its own objects there and there are none; restore its backup first/,
    );
    const saved = join(etcd.folder, "saved");
    await tsukube.run(["snapshot", "save", saved]);
    const before = await versionOf("kept");
    await tsukube.run(["down"]);

    // by etcd's own tool, which makes another cluster of it
    if (restorer !== undefined) {
      await restart(async (backup) => {
        renameSync(etcd.data, `${etcd.data}.old`);
        const peers = ["--name", etcd.name, "--initial-cluster", `${etcd.name}=${etcd.peerUrl}`];
        const more = ["--initial-advertise-peer-urls", etcd.peerUrl, "--initial-cluster-token", "another"];
        const from = join(backup, "member/snap/db");
        const args = ["snapshot", "restore", from, "--skip-hash-check", "--data-dir", etcd.data, ...peers, ...more];
        await run(restorer, args, { env: { ...process.env, ETCDCTL_API: "3" } });
      });
      expect(await up()).toMatch(refused);
      await expect(tsukube.run(["snapshot", "save", saved])).rejects.toThrow(/it is cluster \w+, expected cluster \w+/);
      await goesOn(before);
      await tsukube.run(["down"]);
    }

    // by our own, into one that is empty
    await etcd.kill();
    await tsukube.run(["snapshot", "restore", saved, "--etcd", other.clientUrl]);
    expect(await up()).toContain("is ready after");
    expect(await names()).toEqual(["kept", "kube-root-ca.crt"]);
    expect(await versionOf("kept")).toBeGreaterThan(before);
  },
  180_000,
);
