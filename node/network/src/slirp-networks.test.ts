import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realClock, startTimeOf, systemRandom, writeRecord } from "@tsukube/host";
import { expect, onTestFinished, test, vi } from "vitest";
import { openSlirpNetworks } from "./slirp-networks.ts";

function scratch() {
  const path = mkdtempSync(join(tmpdir(), "tsukube-slirp-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  const options = { folder: join(path, "records"), runtimeFolder: join(path, "run"), clock: realClock };
  return { path, options: { ...options, random: systemRandom } };
}

const ID = "c".repeat(64);
const SPEC = {
  ...{ containerId: ID, networkId: "51".repeat(32), netns: "/proc/self/ns/net" },
  ...{ names: [], isDefault: true },
};
const PORT = { protocol: "tcp", hostAddress: "", hostPort: 8080, containerPort: 80 } as const;

test("ports of a container whose slirp4netns was killed are taken back like others", async () => {
  const { options } = scratch();
  const child = spawn("sleep", ["1000"], { stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  const pid = child.pid ?? 0;
  mkdirSync(options.folder);
  const attachment = { ...SPEC, number: 1 };
  await writeRecord(join(options.folder, ID), { attachment, pid, startTime: startTimeOf(pid), ports: [PORT] });
  const networks = await openSlirpNetworks(options);
  expect(networks.published(ID)).toEqual([PORT]);
  await expect(networks.unpublish(ID)).rejects.toThrow("ENOENT"); // it lives, and does not answer
  child.kill("SIGKILL");
  await once(child, "exit");
  await networks.unpublish(ID);
  expect(networks.published(ID)).toEqual([]);
  await networks.detach(ID);
  expect(networks.attachments).toEqual([]);
});

test("a slirp4netns that cannot be noted does not stay", async () => {
  const { path, options } = scratch();
  const networks = await openSlirpNetworks(options);
  const program = join(path, "slirp4netns");
  writeFileSync(
    program,
    `#!/bin/sh\necho $$ > ${path}/pid\nmkdir ${options.folder}/${ID}\necho 1 >&3\nexec sleep 1000\n`,
  );
  chmodSync(program, 0o755);
  vi.stubEnv("PATH", `${path}:${process.env["PATH"]}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  await expect(networks.attach(SPEC)).rejects.toThrow("EISDIR");
  expect(networks.attachments).toEqual([]);
  expect(existsSync(join(path, "pid"))).toBe(true);
  const pid = Number(readFileSync(join(path, "pid"), "utf8"));
  await expect.poll(() => startTimeOf(pid)).toBeUndefined();
});
