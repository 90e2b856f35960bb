import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { createMetrics, realClock, systemRandom } from "@tsukube/host";
import { dialGrpc, serviceDefinition } from "@tsukube/host/grpc";
import { systemMounts } from "@tsukube/kernel";
import { scratchFolder } from "@tsukube/kernel/scratch";
import type { PodNetwork } from "@tsukube/node-contracts";
import type { RuntimeService } from "@tsukube/node-contracts/cri";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { startEngine } from "./engine.ts";

const network: PodNetwork = {
  add: async () => ({ ips: ["10.0.0.1"] }),
  remove: async () => {},
  check: async () => {},
  status: async () => {},
  collect: async () => {},
};

describe.skipIf(process.getuid?.() !== 0)("engine (needs root)", () => {
  let lifetime: Lifetime;
  let folder: string;

  beforeEach(() => {
    lifetime = new Lifetime();
    const scratch = scratchFolder("engine");
    folder = `${scratch.path}/engine`;
    mkdirSync(folder);
    lifetime.add("folder", scratch.remove);
  });
  afterEach(() => lifetime.close());

  const start = () =>
    startEngine({
      stateDirectory: `${folder}/state`,
      runtimeDirectory: `${folder}/run`,
      criSocket: `${folder}/cri.sock`,
      cgroupParent: `/tsukube-engine-test-${process.pid}`,
      network,
      clock: realClock,
      random: systemRandom,
      logger: silentLogger,
      metrics: createMetrics(),
    });

  function dial() {
    const descriptor: unknown = JSON.parse(
      readFileSync(new URL("../../contracts/facts/cri.json", import.meta.url), "utf8"),
    );
    return dialGrpc<RuntimeService>(
      `unix:${folder}/cri.sock`,
      serviceDefinition(descriptor, "runtime.v1.RuntimeService"),
    );
  }

  test("a container runs, is adopted by the next engine, and leaves nothing behind", async () => {
    let engine = await start();
    lifetime.add("containers", () => engine.stopAll());
    const cri = dial();
    lifetime.add("client", () => cri.close());
    const { podSandboxId = "" } = await cri.RunPodSandbox({
      config: {
        metadata: { name: "a", uid: "u", namespace: "n", attempt: 0 },
        hostname: "pod-a",
        logDirectory: `${folder}/logs`,
      },
    });
    const create = async (command: readonly string[], name: string): Promise<string> => {
      const config = {
        metadata: { name, attempt: 0 },
        image: { image: "tsukube.local/busybox" },
        command,
        logPath: `${name}.log`,
        envs: [{ key: "GREETING", value: Buffer.from("hello") }],
      };
      const { containerId = "" } = await cri.CreateContainer({ podSandboxId, config });
      await cri.StartContainer({ containerId });
      return containerId;
    };
    const running = await create(["sleep", "1000"], "sleeper");
    const result = await cri.ExecSync({ containerId: running, cmd: ["sh", "-c", "hostname; echo $GREETING; exit 3"] });
    expect([Buffer.from(result.stdout ?? []).toString(), result.exitCode]).toEqual(["pod-a\nhello\n", 3]);
    const streamed = async (tty: boolean, cmd: readonly string[], input: string): Promise<string> => {
      const { url = "" } = await cri.Exec({ containerId: running, cmd, tty, stdin: true, stdout: true, stderr: !tty });
      const socket = new WebSocket(url.replace("http:", "ws:"), "v5.channel.k8s.io");
      const heard: string[] = [];
      socket.on("message", (data) => heard.push((data as Buffer).toString()));
      socket.once("open", () => {
        socket.send(Buffer.from(`\0${input}`));
        socket.send(Buffer.of(255, 0));
      });
      await new Promise((resolve) => socket.once("close", resolve));
      return heard.join("");
    };
    expect(await streamed(false, ["sh", "-c", "cat; exit 4"], "typed")).toMatch(
      /^\x01typed\x03.*"ExitCode","message":"4"/s,
    );
    expect(await streamed(true, ["sh", "-c", "read line; tty; echo got $line"], "typed\n")).toMatch(/got typed/);
    const failing = await create(["sh", "-c", "echo out; exit 7"], "failing");
    await expect
      .poll(async () => (await cri.ContainerStatus({ containerId: failing })).status)
      .toMatchObject({ state: "CONTAINER_EXITED", exitCode: 7, reason: "Error" });
    expect(readFileSync(`${folder}/logs/failing.log`, "utf8")).toMatch(/ stdout F out\n$/);

    const lost = await create(["sleep", "1000"], "lost");
    const file = (name: string): string =>
      `${folder}/run/${readdirSync(`${folder}/run`, { recursive: true }).find((path) => String(path).endsWith(`${lost}/${name}`))}`;
    const pids = ["conmon.pid", "pidfile"].map((name) => Number(readFileSync(file(name), "utf8")));
    await engine.close();
    for (const pid of pids) process.kill(pid, "SIGKILL");
    writeFileSync(file("conmon.pid"), String(process.pid)); // pids come again
    engine = await start();
    const again = dial();
    lifetime.add("second client", () => again.close());
    expect((await again.ContainerStatus({ containerId: running })).status?.state).toBe("CONTAINER_RUNNING");
    await again.StopContainer({ containerId: running, timeout: 0 });
    expect((await again.ContainerStatus({ containerId: running })).status).toMatchObject({
      state: "CONTAINER_EXITED",
      exitCode: 137,
    });
    expect((await again.ContainerStatus({ containerId: lost })).status).toMatchObject({
      state: "CONTAINER_EXITED",
      exitCode: 255,
      message: expect.stringContaining("unobserved"),
    });
    await again.RemovePodSandbox({ podSandboxId });
    expect((await again.ListContainers({})).containers).toEqual([]);
    expect(systemMounts.below(folder)).toEqual([]);
    await engine.stopAll();
    await engine.close();
  });

  test("an end is known by its exit code, whenever one looks", async () => {
    const engine = await start();
    lifetime.add("containers", () => engine.stopAll());
    const cri = dial();
    lifetime.add("client", () => cri.close());
    const { podSandboxId = "" } = await cri.RunPodSandbox({
      config: { metadata: { name: "a", uid: "u", namespace: "n", attempt: 0 }, logDirectory: `${folder}/logs` },
    });
    const codes = new Set<number | undefined>();
    for (let turn = 0; turn < 40; turn += 1) {
      const config = {
        metadata: { name: `c${turn}`, attempt: 0 },
        image: { image: "tsukube.local/busybox" },
        command: ["true"],
      };
      const { containerId = "" } = await cri.CreateContainer({ podSandboxId, config });
      await cri.StartContainer({ containerId });
      await realClock.sleep((turn % 10) / 2);
      await cri.StopContainer({ containerId, timeout: 0 }); // it looks whether the container has ended by itself
      codes.add((await cri.ContainerStatus({ containerId })).status?.exitCode);
    }
    expect([...codes].filter((code) => code !== 0 && code !== 137)).toEqual([]);
    await engine.stopAll();
    await engine.close();
  });
});
