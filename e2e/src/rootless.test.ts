import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { readRecord, run } from "@tsukube/host";
import { makeGroup, removeGroup, systemCgroups } from "@tsukube/kernel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dockerFor } from "./docker-client.ts";

const ROOT = dirname(dirname(import.meta.dirname));
const IMAGE = "tsukube.local/busybox";
const isRoot = process.getuid?.() === 0;

/** A user of the test's own, in a mount namespace where /etc/passwd knows it, and /etc/subuid and /etc/subgid are what the test says. */
class Stranger {
  readonly lifetime = new Lifetime();
  readonly folder = mkdtempSync(join(tmpdir(), "tsukube-stranger-"));
  readonly home = join(this.folder, "home");
  readonly uid: number;
  readonly #ids: string;
  readonly #hasTun: boolean;
  readonly #groups: string[] = [];

  /** @param hasTun Whether /dev/net/tun is everybody's, as it is on most machines. */
  constructor(uid: number, ids: string, hasTun = false) {
    this.uid = uid;
    this.#hasTun = hasTun;
    this.#ids = join(this.folder, "ids");
    this.lifetime.add("folder", () => rmSync(this.folder, { recursive: true, force: true }));
    chmodSync(this.folder, 0o755);
    mkdirSync(this.home);
    chownSync(this.home, uid, uid);
    writeFileSync(this.#ids, ids);
    const line = `stranger${uid}:x:${uid}:${uid}::${this.home}:/bin/sh\n`; // newuidmap asks for its name
    writeFileSync(join(this.folder, "passwd"), readFileSync("/etc/passwd", "utf8") + line);
    copyFileSync(process.execPath, join(this.folder, "node"));
  }

  get state(): string {
    return join(this.home, ".local/state/tsukube/default");
  }

  /** Its commands are in these control groups from now on, each in a hierarchy of its own. */
  async delegate(groups: readonly string[]): Promise<void> {
    for (const group of groups) {
      this.#groups.push(group);
      this.lifetime.add("group", () => removeGroup(group));
      const [hierarchy, name] = [dirname(group), `/${basename(group)}`];
      if (existsSync(join(hierarchy, "cgroup.controllers"))) await systemCgroups(hierarchy).create(name);
      else await makeGroup(hierarchy, name);
      for (const path of ["", "cgroup.procs", "cgroup.subtree_control"].map((file) => join(group, file)))
        if (existsSync(path)) chownSync(path, this.uid, this.uid);
    }
  }

  /** Back to where this process is: those who enter a namespace see what is delegated, and may not put anything there. */
  leaveGroups(): void {
    this.#groups.length = 0;
  }

  async tsukube(
    ...args: readonly string[]
  ): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
    const hide = ["subuid", "subgid"].map((name) => `touch /etc/${name}; mount --bind ${this.#ids} /etc/${name}`);
    hide.push(`mount --bind ${join(this.folder, "passwd")} /etc/passwd`);
    const tun = join(this.folder, "tun");
    hide.push(
      `test -e ${tun} || mknod -m ${this.#hasTun ? 666 : 600} ${tun} c 10 200; ! test -e /dev/net/tun || mount --bind ${tun} /dev/net/tun`,
    );
    // a group that is divided has its processes in a leaf
    hide.push(...this.#groups.map((at) => `at=${at}; ! test -d $at/init || at=$at/init; echo $$ > $at/cgroup.procs`));
    const become = ["setpriv", "--reuid", `${this.uid}`, "--regid", `${this.uid}`, "--clear-groups"];
    const env = ["env", "-i", `PATH=${process.env["PATH"]}`, `HOME=${this.home}`];
    const program = [join(this.folder, "node"), join(ROOT, "dist/current/cli.js")];
    const script = `${hide.join("; ")}; exec "$@"`;
    const child = spawn("unshare", ["-m", "sh", "-euc", script, "sh", ...become, ...env, ...program, ...args], {
      cwd: "/",
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const)
      child[name].setEncoding("utf8").on("data", (text: string) => (said[name] += text));
    const [code] = (await once(child, "close")) as [number];
    return { code, ...said };
  }

  /** Pids of processes that are this user's. */
  processes(): readonly string[] {
    return readdirSync("/proc").filter((pid) => {
      const status =
        /^\d+$/.test(pid) && existsSync(`/proc/${pid}/status`) ? readFileSync(`/proc/${pid}/status`, "utf8") : "";
      return new RegExp(`^Uid:\\s+${this.uid}\\s`, "m").test(status) && !/^State:\s+Z/m.test(status);
    });
  }
}

describe.skipIf(!isRoot)("an engine of a user who is not root (needs root, to become such a user)", () => {
  const stranger = new Stranger(54_321, "");
  let client: Awaited<ReturnType<typeof dockerFor>>;
  const docker = (...args: readonly string[]) => client.raw(args);

  beforeAll(async () => {
    await run(join(ROOT, "tsukube"), ["--version"]); // bundles what changed
    const { code, stderr } = await stranger.tsukube("engine", "--background");
    expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
    client = await dockerFor(stranger.lifetime, join(stranger.state, "run/docker.sock"));
  }, 120_000);
  afterAll(async () => {
    await stranger.tsukube("down", "--purge");
    await stranger.lifetime.close();
  }, 60_000);

  test("run passes output and exit codes through; who is root inside is that user outside", async () => {
    expect(await stranger.tsukube("run", "--rm", IMAGE, "echo", "hi")).toMatchObject({ code: 0, stdout: "hi\n" });
    expect((await stranger.tsukube("run", "--rm", IMAGE, "sh", "-c", "exit 7")).code).toBe(7);
    const mapped = await stranger.tsukube("run", "--rm", IMAGE, "cat", "/proc/self/uid_map");
    expect(mapped.stdout.trim().split(/\s+/)).toEqual(["0", "54321", "1"]);
  }, 60_000);

  test("commands, volumes, copies, builds and commits work as they do for root", async () => {
    await docker(
      "run",
      "-d",
      "--name",
      "kept",
      "--stop-signal",
      "KILL",
      "--network",
      "none",
      "-v",
      "vol:/data",
      IMAGE,
      "sh",
      "-c",
      "echo log; exec sleep 1000",
    );
    expect((await docker("exec", "kept", "sh", "-c", "echo x > /data/x; cat /data/x")).stdout).toBe("x\n");
    expect((await docker("exec", "kept", "ip", "-o", "link")).stdout).toContain("lo: <LOOPBACK,UP");
    expect((await docker("logs", "kept")).stdout).toBe("log\n");
    expect((await docker("top", "kept")).stdout).toContain("sleep 1000");
    await docker("exec", "kept", "sh", "-c", "rm /bin/cat; echo made > /made");
    await docker("commit", "kept", "committed");
    expect((await docker("run", "--rm", "committed", "sh", "-c", "ls /made /bin/cat 2>/dev/null || true")).stdout).toBe(
      "/made\n",
    );
    const context = join(stranger.folder, "context");
    mkdirSync(context);
    writeFileSync(
      join(context, "Dockerfile"),
      `FROM ${IMAGE}\nRUN echo built > /made && rm /bin/cat\nCMD sed '' /made\n`,
    );
    await docker("build", "-q", "-t", "built", context);
    expect((await docker("run", "--rm", "built")).stdout).toBe("built\n");
    expect(
      (await docker("run", "--rm", "--device", "/dev/null:/dev/nothing", IMAGE, "ls", "/dev/nothing")).stdout,
    ).toBe("/dev/nothing\n");
    for (const flags of [["--pid", "host"], ["--ipc", "host", "--uts", "host"], ["--privileged"]])
      expect((await docker("run", "--rm", ...flags, IMAGE, "echo", "runs")).stdout).toBe("runs\n");
  }, 120_000);

  test.each([
    [["run", "--rm", "-m", "64m", IMAGE, "true"], /Cannot limit memory: this engine runs without root/],
    [["run", "--rm", "--cpus", "1", IMAGE, "true"], /Cannot limit cpu: this engine runs without root/],
    [["run", "--rm", "--network", "bridge", IMAGE, "true"], /Cannot connect containers: this engine runs without root/],
    [["network", "create", "n"], /Cannot connect containers: this engine runs without root/],
    [["update", "-m", "64m", "kept"], /Cannot limit memory: this engine runs without root/],
    [["pause", "kept"], /Cannot pause container .* without root/],
  ])("%j is refused with the reason", async (args, reason) => {
    await expect(docker(...args)).rejects.toThrow(reason);
  });

  test("containers outlive a killed engine, and down leaves nothing", async () => {
    const engine = JSON.parse(readFileSync(join(stranger.state, "run/engine.ready"), "utf8")) as {
      readonly pid: number;
    };
    process.kill(engine.pid, "SIGKILL");
    await expect
      .poll(() => docker("exec", "kept", "echo", "again").catch(() => ({ stdout: "" })), { timeout: 30_000 })
      .toMatchObject({ stdout: "again\n" });
    expect(await stranger.tsukube("down", "--purge")).toMatchObject({ code: 0 });
    await expect.poll(() => stranger.processes()).toEqual([]);
    expect(existsSync(stranger.state)).toBe(false);
  }, 90_000);
});

const CGROUPS = "/sys/fs/cgroup";
const isUnified = existsSync(join(CGROUPS, "cgroup.controllers"));
const UNIFIED = isUnified ? CGROUPS : join(CGROUPS, "unified");
const HIERARCHIES = ["memory", "cpu", "cpuacct", "cpuset", "pids", "freezer"];

describe.skipIf(!isRoot).each([
  { of: "version 2", uid: 54_323, hierarchies: existsSync(UNIFIED) ? [UNIFIED] : [] },
  { of: "version 1", uid: 54_324, hierarchies: isUnified ? [] : HIERARCHIES.map((name) => join(CGROUPS, name)) },
])(
  "an engine of a user to whom control groups of $of are delegated (needs root, and such groups)",
  ({ of, uid, hierarchies }) => {
    const stranger = new Stranger(uid, "");
    const hasLimits = isUnified || of === "version 1";
    const groups = hierarchies.map((hierarchy) => join(hierarchy, `tsukube-stranger-${uid}`));
    let client: Awaited<ReturnType<typeof dockerFor>>;
    const docker = (...args: readonly string[]) => client.docker(...args);

    afterAll(async () => {
      await stranger.tsukube("down", "--purge");
      await stranger.lifetime.close();
    }, 60_000);

    test.skipIf(groups.length === 0)(
      "limits, measures and pauses containers, and down leaves the groups as they were",
      async () => {
        await run(join(ROOT, "tsukube"), ["--version"]); // bundles what changed
        await stranger.delegate(groups);
        const { code, stderr } = await stranger.tsukube("engine", "--background");
        expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
        client = await dockerFor(stranger.lifetime, join(stranger.state, "run/docker.sock"));

        const limits = ["-m", "64m", "--cpus", "0.5", "--cpuset-cpus", "0", "--pids-limit", "50"];
        const kept = ["-d", "--name", "kept", "--stop-signal", "KILL", ...(hasLimits ? limits : [])];
        await docker("run", ...kept, IMAGE, "sleep", "1000");
        if (hasLimits) {
          const files =
            of === "version 2"
              ? ["memory.max", "cpu.max", "cpuset.cpus", "pids.max"]
              : ["memory/memory.limit_in_bytes", "cpu/cpu.cfs_quota_us", "cpuset/cpuset.cpus", "pids/pids.max"];
          const quota = of === "version 2" ? "50000 100000" : "50000";
          expect(await docker("exec", "-w", CGROUPS, "kept", "cat", ...files)).toBe(`67108864\n${quota}\n0\n50`);
          expect(await docker("stats", "--no-stream", "--format", "{{.MemUsage}} {{.PIDs}}", "kept")).toMatch(
            / 64MiB 1$/,
          );
          await docker("update", "-m", "70m", "--memory-swap", "70m", "kept");
          expect(await docker("exec", "-w", CGROUPS, "kept", "cat", files[0] ?? "")).toBe(String(70 << 20));
          const hog = ["-m", "32m", "--memory-swap", "32m", IMAGE, "sh", "-c", "x=a; while :; do x=$x$x; done"];
          await expect(docker("run", "--name", "hog", ...hog)).rejects.toThrow();
          expect(await docker("inspect", "-f", "{{.State.ExitCode}} {{.State.OOMKilled}}", "hog")).toBe("137 true");
        } else
          await expect(docker("run", "--rm", ...limits, IMAGE, "true")).rejects.toThrow(
            /Cannot limit memory, cpu, pids: this engine runs without root and .* controllers/,
          );
        await docker("pause", "kept");
        expect(await docker("ps", "--format", "{{.Status}}", "--filter", "name=kept")).toContain("(Paused)");
        await docker("unpause", "kept");
        expect(await docker("top", "kept")).toContain("sleep 1000");
        expect(await docker("info", "-f", "{{.CgroupDriver}} {{.MemoryLimit}}")).toBe(`cgroupfs ${hasLimits}`);

        const ready = JSON.parse(readFileSync(join(stranger.state, "run/engine.ready"), "utf8")) as {
          readonly pid: number;
        };
        process.kill(ready.pid, "SIGKILL");
        await expect
          .poll(() => docker("exec", "kept", "echo", "again").catch(() => ""), { timeout: 30_000 })
          .toBe("again");
        stranger.leaveGroups();
        if (of === "version 2")
          expect(await stranger.tsukube("engine")).toMatchObject({
            code: 1,
            stderr: expect.stringContaining("Cannot start the engine: its containers are in control group"),
          });
        expect(await stranger.tsukube("down", "--purge")).toMatchObject({ code: 0 });
        await expect.poll(() => stranger.processes()).toEqual([]);
        for (const group of groups) expect(childGroups(group).filter((name) => name !== "init")).toEqual([]);
      },
      120_000,
    );
  },
);

function childGroups(group: string): readonly string[] {
  return readdirSync(group, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
}

describe.skipIf(!isRoot || !existsSync("/usr/bin/newuidmap"))(
  "an engine of a user to whom the machine gives ids (needs root, and the package uidmap)",
  () => {
    const stranger = new Stranger(54_322, "54322:300000:65536\n", true);
    beforeAll(async () => void (await run(join(ROOT, "tsukube"), ["--version"])), 60_000);
    afterAll(async () => {
      await stranger.tsukube("down", "--purge");
      await stranger.lifetime.close();
    }, 60_000);

    test("has users in its containers", async () => {
      expect(await stranger.tsukube("engine", "--background")).toMatchObject({ code: 0 });
      const shown = await stranger.tsukube(
        "run",
        "--rm",
        "-u",
        "1000",
        IMAGE,
        "sh",
        "-c",
        "id -u; cat /proc/self/uid_map",
      );
      expect(shown.stdout.trim().split(/\s+/)).toEqual(["1000", "0", "54322", "1", "1", "300000", "65536"]);
    }, 120_000);

    test.skipIf(!existsSync("/usr/bin/slirp4netns"))(
      "connects containers by name, as compose asks for it, keeps networks apart, and finds them again when a part of it dies (needs the package slirp4netns)",
      async () => {
        const socket = join(stranger.state, "run/docker.sock");
        const { docker, raw, env } = await dockerFor(stranger.lifetime, socket);
        await docker("network", "create", "shop");
        await docker("network", "create", "--internal", "vault");
        const serve = "echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp";
        for (const [name, network] of Object.entries({ web1: "shop", web2: "shop", web3: "bridge", web4: "vault" }))
          await docker("run", "-d", "--name", name, "--network", network, IMAGE, "sh", "-c", serve);
        const page = (url: string) => `timeout 2 wget -qO- ${url}`;
        const get = (from: string, script: string) => raw(["exec", from, "sh", "-c", script]);
        const address = (name: string) =>
          docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name);
        expect((await get("web1", page("web2"))).stdout).toBe("hello\n");
        await expect(get("web3", page(await address("web1")))).rejects.toThrow();
        await docker("network", "connect", "--alias", "aliased", "vault", "web1");
        expect((await get("web4", page("aliased"))).stdout).toBe("hello\n");
        await expect(get("web4", page(await address("web2")))).rejects.toThrow();

        const uplink = await readRecord<{ readonly pid: number }>(join(stranger.state, "run/uplink/slirp4netns"));
        process.kill(uplink?.pid ?? 0, "SIGKILL");
        await docker("run", "-d", "--name", "web5", "-p", "127.0.0.1:18098:80", IMAGE, "sh", "-c", serve);
        await expect
          .poll(
            () =>
              fetch("http://127.0.0.1:18098/").then(
                (it) => it.text(),
                () => "",
              ),
            { timeout: 20_000 },
          )
          .toBe("hello\n");

        const project = join(stranger.folder, "project");
        mkdirSync(project);
        writeFileSync(
          join(project, "docker-compose.yml"),
          JSON.stringify({
            version: "2.1",
            services: {
              web: {
                image: IMAGE,
                command: ["sh", "-c", serve],
                healthcheck: { test: "wget -qO- 127.0.0.1", interval: "1s" },
              },
              job: {
                image: IMAGE,
                command: ["sh", "-c", "wget -qO- web"],
                depends_on: { web: { condition: "service_healthy" } },
              },
            },
          }),
        );
        const compose = (...args: readonly string[]) => run("docker-compose", args, { cwd: project, env });
        await compose("up", "-d");
        await expect
          .poll(async () => (await compose("logs", "--no-color", "job")).stdout, { timeout: 20_000 })
          .toContain("hello");
        await compose("down");
        await docker("rm", "-f", "web1", "web2", "web3", "web4", "web5");
        await docker("network", "rm", "shop", "vault");
      },
      120_000,
    );

    test.skipIf(!existsSync("/usr/bin/slirp4netns"))(
      "leads containers to the network and the machine's ports to them, past its own death (needs the package slirp4netns)",
      async () => {
        const docker = (await dockerFor(stranger.lifetime, join(stranger.state, "run/docker.sock"))).docker;
        const server = createServer((_, answer) => answer.end("from the machine")).listen(0, "0.0.0.0");
        stranger.lifetime.add("server", () => void server.close());
        await once(server, "listening");
        const outside = Object.values(networkInterfaces())
          .flat()
          .find((each) => each?.family === "IPv4" && !each.internal);
        const url = `http://${outside?.address}:${(server.address() as AddressInfo).port}/`;
        expect(await docker("run", "--rm", IMAGE, "wget", "-qO-", url)).toBe("from the machine");
        const serve = "echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp";
        await docker("run", "-d", "--name", "web", "-p", "127.0.0.1:18097:80", IMAGE, "sh", "-c", serve);
        const page = (): Promise<string> =>
          fetch("http://127.0.0.1:18097/").then(
            (answer) => answer.text(),
            () => "",
          );
        await expect.poll(page, { timeout: 20_000 }).toBe("hello\n");
        expect(await docker("port", "web")).toBe("80/tcp -> 127.0.0.1:18097");
        await expect(docker("run", "--rm", "-p", "127.0.0.1:18097:80", IMAGE, "true")).rejects.toThrow("18097 failed");
        const ready = JSON.parse(readFileSync(join(stranger.state, "run/engine.ready"), "utf8")) as {
          readonly pid: number;
        };
        process.kill(ready.pid, "SIGKILL");
        await expect.poll(() => docker("ps", "-q").catch(() => ""), { timeout: 30_000 }).not.toBe("");
        expect(await page()).toBe("hello\n");
        await docker("rm", "-f", "web");
        expect(await page()).toBe("");
        expect(await stranger.tsukube("down", "--purge")).toMatchObject({ code: 0 });
        await expect.poll(() => stranger.processes()).toEqual([]);
      },
      120_000,
    );
  },
);
