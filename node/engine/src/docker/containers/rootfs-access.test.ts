import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTimeOf } from "@tsukube/host";
import type { Mounts } from "@tsukube/kernel";
import { expect, onTestFinished, test } from "vitest";
import type { ContainerRecord } from "../../containers/containers.ts";
import type { ImageStore } from "../../images/image-store.ts";
import type { Snapshotter } from "../../images/snapshotter.ts";
import type { DockerContainer } from "./container-record.ts";
import type { ContainerRuns } from "./container-runs.ts";
import type { ContainerStore } from "./container-store.ts";
import { Freezer } from "./freezer.ts";
import { RootfsAccess } from "./rootfs-access.ts";

test("mounts are shown within the root while the container's processes stand still, and go with one unmount", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-rootfs-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [volume, host] = [join(folder, "volume"), join(folder, "host")];
  for (const path of [volume, host]) mkdirSync(path);
  const happened: string[] = [];
  const run = { pid: process.pid, startTime: startTimeOf(process.pid) } as ContainerRecord;
  const freezer = new Freezer({
    find: () => run,
    pause: async () => void happened.push("stands still"),
    resume: async () => void happened.push("goes on"),
    isFrozen: async () => false,
  });
  let root = "";
  const mounts = {
    isMounted: () => false,
    propagate: () => {},
    bindAt: (_, place) => happened.push(`shown at ${readlinkSync(`/proc/self/fd/${place}`).slice(root.length)}`),
    unmount(target) {
      happened.push(`unmounted ${target.slice(root.length) || "all"}`);
      for (const made of readdirSync(target)) rmSync(join(target, made), { recursive: true });
    },
  } as Partial<Mounts> as Mounts;
  const snapshotter = {
    async mount(_, __, target) {
      root = target;
      symlinkSync(host, join(root, "link")); // leads to the host for whoever does not stay within
      mkdirSync(join(root, host), { recursive: true });
    },
  } as Partial<Snapshotter> as Snapshotter;
  const access = new RootfsAccess({
    ...{ freezer, mounts, snapshotter, folder: join(folder, "roots") },
    store: {} as ContainerStore,
    volumes: { holding: (_, work) => work() },
    runs: { find: () => undefined, sandbox: () => undefined } as unknown as ContainerRuns,
    images: { find: () => ({ chain: [] }) } as unknown as ImageStore,
  });
  const mount = (destination: string) => ({ type: "bind", source: volume, destination, readonly: false, mode: "" });
  const container = { id: "0123456789abcdef", mounts: [mount("/data/inside"), mount("/link")] };
  const open = async () => void happened.push("opened");
  const use = async () => void happened.push("used");
  await access.withMounts(container as unknown as DockerContainer, open, use);
  expect(happened).toEqual([
    "stands still",
    `shown at ${host}`,
    "shown at /data/inside",
    ...["opened", "goes on", "used", "unmounted all"],
  ]);
});

test("what an engine that was killed left standing still goes on, but not what a client paused", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-rootfs-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const states = { aaaaaaaaaaaa: "running", bbbbbbbbbbbb: "paused" } as const;
  for (const id of Object.keys(states)) mkdirSync(join(folder, "roots", `${id}-1`), { recursive: true });
  const resumed: string[] = [];
  const access = new RootfsAccess({
    folder: join(folder, "roots"),
    freezer: { resume: async (id: string) => void resumed.push(id) } as unknown as Freezer,
    mounts: { below: () => [], unmount: () => {} } as Partial<Mounts> as Mounts,
    store: { find: (id: keyof typeof states) => ({ id, state: { status: states[id] } }) } as unknown as ContainerStore,
    ...{ runs: {} as ContainerRuns, images: {} as ImageStore, snapshotter: {} as Snapshotter },
    volumes: { holding: (_, work) => work() },
  });
  await access.clean();
  expect([resumed, readdirSync(folder)]).toEqual([["aaaaaaaaaaaa"], []]);
});
