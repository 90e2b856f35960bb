import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { run } from "@tsukube/host";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dockerFor } from "./docker-client.ts";
import { eventually, fetchText } from "./eventually.ts";
import { groupsOf } from "./host-state.ts";
import { Tsukube } from "./tsukube.ts";

const BUSYBOX = "tsukube.local/busybox";
const NAME = "e2e-docker";
const LOOP = "trap 'exit 0' TERM; while :; do sleep 0.1; done";
const SERVE = "echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp";

describe.skipIf(process.getuid?.() !== 0)("the stock docker command against tsukube engine (needs root)", () => {
  const lifetime = new Lifetime();
  const tsukube = new Tsukube(lifetime, NAME);
  const socket = `/run/tsukube/${NAME}/docker.sock`;
  let client: Awaited<ReturnType<typeof dockerFor>>;
  const docker = (...args: readonly string[]): Promise<string> => client.docker(...args);
  const failing = async (...args: readonly string[]) => {
    const { code, stderr } = await client.raw(args, { accept: Array.from({ length: 256 }, (_, code) => code) });
    return { code, stderr: stderr.trim() };
  };
  const background = (name: string, flags: string, script: string): Promise<string> =>
    docker("run", "-d", "--name", name, ...flags.split(" ").filter((flag) => flag !== ""), BUSYBOX, "sh", "-c", script);
  const inspect = (name: string, format: string): Promise<string> => docker("inspect", "-f", format, name);

  /** Runs docker in a terminal; each keys are typed once the text before them was seen. @returns what the terminal showed. */
  const inTerminal = async (command: string, script: readonly (readonly [after: string, keys: string])[]) => {
    const line = command.replace(/^docker/, client.binary);
    const child = spawn("script", ["-qec", line, "/dev/null"], { env: client.env, stdio: ["pipe", "pipe", "inherit"] });
    let shown = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => (shown += part));
    const ended = once(child, "exit");
    for (const [after, keys] of script) {
      await eventually(`${command} shows "${after}"`, async () => shown.includes(after));
      child.stdin.write(keys);
    }
    await ended;
    return shown;
  };

  beforeAll(async () => {
    await tsukube.run(["engine", "--background"]);
    client = await dockerFor(lifetime, socket);
  }, 60_000);
  afterAll(() => lifetime.close(), 60_000);

  test("run passes output, input and exit codes through, and says why a command cannot run", async () => {
    expect(await docker("run", "--rm", BUSYBOX, "echo", "hi")).toBe("hi");
    const { stdout } = await client.raw(["run", "--rm", "-i", BUSYBOX, "tr", "a-z", "A-Z"], { input: "through\n" });
    expect(stdout).toBe("THROUGH\n");
    expect(await failing("run", "--rm", BUSYBOX, "sh", "-c", "echo no >&2; exit 3")).toEqual({ code: 3, stderr: "no" });
    const missing = await failing("run", "--rm", BUSYBOX, "nope");
    expect(missing).toMatchObject({ code: 127, stderr: expect.stringContaining("executable file not found in $PATH") });
    expect(await docker("ps", "-aq")).toBe("");
  });

  test("a container is created, started, paused, renamed, stopped and removed, and refuses what its state does not allow", async () => {
    const id = await docker("create", "--name", "life", "--label", "tier=web", BUSYBOX, "sh", "-c", LOOP);
    expect(await inspect("life", "{{.State.Status}} {{.State.Pid}}")).toBe("created 0");
    await docker("start", "life");
    expect(await docker("ps", "--filter", "label=tier=web", "--format", "{{.ID}} {{.Names}}")).toBe(
      `${id.slice(0, 12)} life`,
    );
    expect((await failing("rm", "life")).stderr).toContain("container is running");
    await docker("pause", "life");
    expect(await docker("ps", "--format", "{{.Status}}")).toContain("(Paused)");
    expect((await failing("exec", "life", "true")).stderr).toContain("is paused");
    await docker("unpause", "life");
    await docker("rename", "life", "lives");
    expect((await failing("create", "--name", "lives", BUSYBOX)).stderr).toContain(
      'The container name "/lives" is already in use',
    );
    await docker("stop", "lives");
    expect(await docker("wait", "lives")).toBe("0");
    await docker("restart", "lives");
    await docker("kill", "lives");
    expect(await inspect("lives", "{{.State.ExitCode}}")).toBe("137");
    await docker("rm", "lives");
    expect((await failing("inspect", "lives")).stderr).toContain("No such object: lives");
  });

  test("what was asked for is what the processes of a container see", async () => {
    const script =
      "id; pwd; hostname; cat /proc/sys/net/core/somaxconn; ulimit -n; grep CapEff /proc/self/status; cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us; echo $A; touch /no; touch /t/yes && ls /t";
    const limits = ["-m", "64m", "--cpus", "0.5", "--pids-limit", "50", "--ulimit", "nofile=100:200"];
    const flags = ["--read-only", "--tmpfs", "/t", "--user", "5:6", "--group-add", "7", "--workdir", "/w", "-e", "A=b"];
    const more = ["--hostname", "h", "--sysctl", "net.core.somaxconn=77", "--cap-drop", "ALL", "--init"];
    const { stdout, stderr } = await client.raw([
      "run",
      "--rm",
      ...limits,
      ...flags,
      ...more,
      BUSYBOX,
      "sh",
      "-c",
      script,
    ]);
    expect(stdout.trimEnd().split("\n")).toEqual([
      "uid=5 gid=6 groups=6,7",
      ...["/w", "h", "77", "100", "CapEff:\t0000000000000000", String(64 * 1024 * 1024), "50", "50000", "b", "yes"],
    ]);
    expect(stderr).toContain("/no: Read-only file system");
  });

  test("logs keep streams apart, and take tail, timestamps and follow", async () => {
    await docker("run", "-d", "--name", "talk", BUSYBOX, "sh", "-c", "echo one; echo two >&2; sleep 1; printf three");
    const followed = await client.raw(["logs", "-f", "talk"]);
    expect(followed).toMatchObject({ stdout: "one\nthree", stderr: "two\n" });
    expect((await client.raw(["logs", "--tail", "1", "talk"])).stdout).toBe("three");
    const since = await inspect("talk", "{{.State.StartedAt}}");
    expect(await docker("logs", "--since", since, "talk")).toContain("one\n");
    expect(await docker("logs", "-t", "talk")).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z one\n/);
    await docker("rm", "talk");
  });

  test("exec runs commands as others, and tells their exit codes", async () => {
    await docker("run", "-d", "--name", "busy", "-e", "A=1", BUSYBOX, "sh", "-c", LOOP);
    expect(
      await docker("exec", "-e", "B=2", "-w", "/tmp", "-u", "nobody", "busy", "sh", "-c", "echo $A$B $(pwd) $(id -un)"),
    ).toBe("12 /tmp nobody");
    expect((await failing("exec", "busy", "sh", "-c", "exit 4")).code).toBe(4);
    const missing = await failing("exec", "busy", "nope");
    expect(missing).toMatchObject({ code: 127, stderr: expect.stringContaining("executable file not found in $PATH") });
    expect(await docker("top", "busy", "-o", "pid,args")).toContain("sh -c trap");
    expect(await docker("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", "busy")).toMatch(/^busy [1-9]$/);
    await docker("rm", "-f", "busy");
  });

  test("a terminal is one, can be left with its keys and attached again", async () => {
    const first = await inTerminal(`docker run -it --name tty ${BUSYBOX} sh`, [
      ["/ # ", "tty; X=5\n"],
      ["/dev/pts/0", "\x10\x11"],
    ]);
    expect(first).toContain("/dev/pts/0");
    const second = await inTerminal("docker attach tty", [
      ["", "echo x$X\n"],
      ["x5", "exit 9\n"],
    ]);
    expect(second).toContain("x5");
    expect(await docker("wait", "tty")).toBe("9");
    await docker("rm", "tty");
  }, 30_000);

  test("cp, diff, commit, export and import move files and images", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tsukube-cp-"));
    lifetime.add(folder, () => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "in"), "content\n");
    await docker("run", "-d", "--name", "files", "-v", "/data", BUSYBOX, "sh", "-c", LOOP);
    await docker("cp", join(folder, "in"), "files:/etc/copied");
    await docker("cp", join(folder, "in"), "files:/data/");
    expect(await docker("exec", "files", "cat", "/etc/copied", "/data/in")).toBe("content\ncontent");
    await docker("exec", "files", "ln", "-s", "/etc", "/link");
    await docker("cp", "files:/link/copied", join(folder, "out"));
    expect(readFileSync(join(folder, "out"), "utf8")).toBe("content\n");
    expect((await docker("diff", "files")).split("\n")).toEqual(["A /data", "C /etc", "A /etc/copied", "A /link"]);
    await docker("commit", "-c", "CMD cat /etc/copied", "files", "made:1");
    expect(await docker("run", "--rm", "made:1")).toBe("content");
    const archive = join(folder, "root.tar");
    await docker("export", "-o", archive, "files");
    await docker("import", archive, "imported:1");
    expect(await docker("run", "--rm", "imported:1", "cat", "/etc/copied")).toBe("content");
    await docker("import", "--platform", "linux/riscv64", archive, "imported:other");
    expect(await docker("inspect", "-f", "{{.Architecture}}", "imported:other")).toBe("riscv64");
    await docker("save", "-o", join(folder, "all.tar"), "imported");
    await docker("rm", "-fv", "files");
    await docker("rmi", "made:1", "imported:1", "imported:other");
    const loaded = await docker("load", "-i", join(folder, "all.tar"));
    expect(loaded.split("\n").sort()).toEqual(["Loaded image: imported:1", "Loaded image: imported:other"]);
    await docker("rmi", "imported:1", "imported:other");
    expect(await docker("volume", "ls", "-q")).toBe("");
  }, 30_000);

  test("volumes keep what containers write, and take over what the image has", async () => {
    await docker("run", "--rm", "-v", "kept:/data", BUSYBOX, "sh", "-c", "echo 1 > /data/f");
    expect(await docker("run", "--rm", "--mount", "type=volume,src=kept,dst=/d,readonly", BUSYBOX, "cat", "/d/f")).toBe(
      "1",
    );
    expect(await docker("run", "--rm", "-v", "taken:/etc", BUSYBOX, "grep", "-c", "root", "/etc/passwd")).toBe("1");
    await docker("create", "--name", "user", "-v", "kept:/x", BUSYBOX);
    expect((await failing("volume", "rm", "kept")).stderr).toContain("volume is in use");
    await docker("rm", "user");
    const host = mkdtempSync(join(tmpdir(), "tsukube-volume-"));
    lifetime.add("volume", () => rmSync(host, { recursive: true }));
    const options = ["type=none", "o=bind", `device=${host}`].flatMap((option) => ["-o", option]);
    expect((await failing("volume", "create", ...options.slice(0, 4))).stderr).toContain("missing required option");
    await docker("volume", "create", ...options, "there");
    const isMounted = (): boolean => /volumes\/there\/_data/.test(readFileSync("/proc/self/mountinfo", "utf8"));
    await background("holds", "-v there:/etc", LOOP);
    expect(await docker("run", "--rm", "-v", "there:/t", BUSYBOX, "cat", "/t/passwd")).toContain("root:x:0:0");
    expect([existsSync(join(host, "passwd")), isMounted()]).toEqual([true, true]);
    await docker("kill", "holds");
    expect(isMounted()).toBe(false);
    await docker("cp", "holds:/etc/passwd", join(host, "copied"));
    expect(readFileSync(join(host, "copied"), "utf8")).toContain("root:");
    await eventually("it is there for the copy alone", async () => !isMounted());
    await docker("rm", "holds");
    await docker("volume", "rm", "kept", "taken", "there");
    const source = join(tmpdir(), "tsukube-no-such-folder");
    const refused = await failing("run", "--rm", "--mount", `type=bind,src=${source},dst=/x`, BUSYBOX);
    expect(refused).toMatchObject({ code: 125, stderr: expect.stringContaining("bind source path does not exist") });
  });

  test("containers of a user-defined network find each other by name and alias; others do not reach them", async () => {
    await docker("network", "create", "--subnet", "172.31.77.0/24", "shop");
    await docker("network", "create", "--internal", "closed");
    await background("web", "--network shop --network-alias www --ip 172.31.77.9", SERVE);
    const ask = (network: string, url: string): Promise<string> =>
      docker("run", "--rm", "--network", network, BUSYBOX, "wget", "-qO-", url);
    expect(await ask("shop", "http://web")).toBe("hello");
    expect(await ask("shop", "http://www.shop")).toBe("hello");
    expect((await failing("run", "--rm", BUSYBOX, "ping", "-c1", "-W1", "172.31.77.9")).code).toBe(1);
    await docker("network", "connect", "--alias", "inner", "closed", "web");
    expect(await ask("closed", "http://inner")).toBe("hello");
    expect((await failing("network", "rm", "shop")).stderr).toContain("has active endpoints");
    await docker("network", "disconnect", "closed", "web");
    expect(await docker("run", "--rm", "--network", "container:web", BUSYBOX, "wget", "-qO-", "http://127.0.0.1")).toBe(
      "hello",
    );
    await docker("rm", "-f", "web");
    await docker("network", "rm", "shop", "closed");
  }, 60_000);

  test("a health check is watched, a container out of memory is said to be, and events tell all of it", async () => {
    const began = String(Math.floor(Date.now() / 1000));
    const check = ["--health-cmd", "test -e /well", "--health-interval", "300ms", "--health-retries", "1"];
    await docker("run", "-d", "--name", "ill", ...check, BUSYBOX, "sh", "-c", LOOP);
    await eventually("unhealthy", async () => (await inspect("ill", "{{.State.Health.Status}}")) === "unhealthy");
    await docker("exec", "ill", "touch", "/well");
    await eventually("healthy", async () => (await docker("ps", "--filter", "health=healthy", "-q")) !== "");
    expect((await failing("ps", "--filter", "health=well")).stderr).toContain('invalid value for "health" filter');
    await docker("rm", "-f", "ill");
    const hungry = await failing(
      "run",
      "--name",
      "hungry",
      "-m",
      "16m",
      BUSYBOX,
      "sh",
      "-c",
      "x=$(head -c 100m /dev/zero | tr '\\0' a)",
    );
    expect(hungry.code).toBe(137);
    expect(await inspect("hungry", "{{.State.OOMKilled}}")).toBe("true");
    await docker("rm", "hungry");
    const events = await docker(
      "events",
      "--since",
      began,
      "--until",
      String(Math.ceil(Date.now() / 1000) + 1),
      "--format",
      "{{.Action}} {{.Actor.Attributes.name}}",
    );
    for (const event of [
      "create ill",
      "start ill",
      "exec_create: /bin/sh -c test -e /well ill",
      "exec_start: /bin/sh -c test -e /well ill",
      "exec_die ill",
      "health_status: unhealthy ill",
      "oom hungry",
      "die hungry",
      "destroy hungry",
    ])
      expect(events.split("\n")).toContain(event);
  }, 30_000);

  test("containers and ports outlive the engine, and restart policies go on after it", async () => {
    await background("srv", "-p 127.0.0.1:18080:80 --restart always", SERVE);
    await docker(
      "run",
      "-d",
      "--name",
      "tick",
      BUSYBOX,
      "sh",
      "-c",
      "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done",
    );
    await background("again", "--restart on-failure:1", "sleep 2; exit 4");
    await docker("run", "-d", "--rm", "--name", "brief", BUSYBOX, "sleep", "1");
    await background("dies", "", "sleep 0.5; echo last words; exit 7");
    await background("talks", "", "until test -e /go; do sleep 0.1; done; echo later; exit 6");
    const page = (): Promise<string> => fetchText("http://127.0.0.1:18080/");
    const pid = await inspect("srv", "{{.State.Pid}}");
    const engine = (JSON.parse(readFileSync(`/run/tsukube/${NAME}/engine.ready`, "utf8")) as { pid: number }).pid;
    process.kill(engine, "SIGKILL");
    expect(await page()).toBe("hello\n");
    await eventually("the engine is back", async () => (await failing("version")).code === 0);
    expect(await page()).toBe("hello\n");
    expect(await inspect("srv", "{{.State.Pid}} {{.State.Status}}")).toBe(`${pid} running`);
    const lines = (await docker("logs", "tick")).split("\n").map(Number);
    expect(lines).toEqual(lines.map((_, index) => index + 1));
    await eventually("--rm removes", async () => (await docker("ps", "-a", "--filter", "name=brief", "-q")) === "");
    const restarts = "{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}";
    await eventually("restarted once", async () => (await inspect("again", restarts)) === "1 exited 4");
    expect(await docker("wait", "dies")).toBe("7");
    expect(await docker("logs", "dies")).toBe("last words");
    const attached = client.raw(["attach", "--no-stdin", "talks"], { accept: [6] });
    await docker("exec", "talks", "touch", "/go");
    expect(await attached).toMatchObject({ stdout: "later\n", code: 6 });
    await docker("rm", "-f", "srv", "tick", "again", "dies", "talks");
    await expect(page()).rejects.toThrow();
  }, 60_000);

  test("doctor tells of files of containers that no record speaks of, and an engine that starts takes them away", async () => {
    const doctor = async (): Promise<string> => (await tsukube.run(["doctor"], { accept: [0, 1] })).stdout;
    await docker("run", "-d", "--name", "stays", BUSYBOX, "sh", "-c", "echo x > /kept; exec sleep 1000");
    expect(await doctor()).toContain("ok   every mount and file of a container has a record");
    const lost = `/var/lib/tsukube/${NAME}/engine/s/w/${"f".repeat(64)}`;
    mkdirSync(`${lost}/u`, { recursive: true });
    expect(await doctor()).toContain("BAD  0 mounts, 0 bundles and the files of 1 containers have no record");
    const engine = (JSON.parse(readFileSync(`/run/tsukube/${NAME}/engine.ready`, "utf8")) as { pid: number }).pid;
    process.kill(engine, "SIGKILL");
    await eventually("the engine is back", async () => (await failing("version")).code === 0);
    expect(existsSync(lost)).toBe(false);
    expect(await doctor()).toContain("ok   every mount and file of a container has a record");
    expect(await docker("exec", "stays", "cat", "/kept")).toBe("x");
    await docker("rm", "-f", "stays");
  }, 60_000);

  test("tsukube's own commands do the same where there is no docker", async () => {
    const all = Array.from({ length: 256 }, (_, code) => code);
    const { stdout, stderr, code } = await tsukube.run(
      ["run", "--rm", "-i", "--name", "own", BUSYBOX, "sh", "-c", "cat; echo err >&2; exit 5"],
      { input: "through\n", accept: all },
    );
    expect({ stdout, stderr, code }).toEqual({ stdout: "through\n", stderr: "err\n", code: 5 });
    await tsukube.run(["run", "-d", "--name", "bg", "-p", "18082:80", "-e", "A=b", BUSYBOX, "sh", "-c", SERVE]);
    expect((await tsukube.run(["ps"])).stdout).toContain("0.0.0.0:18082->80/tcp");
    expect(await fetchText("http://127.0.0.1:18082/")).toBe("hello\n");
    const exec = await tsukube.run(["exec", "bg", "sh", "-c", "echo $A; exit 3"], { accept: all });
    expect({ stdout: exec.stdout, code: exec.code }).toEqual({ stdout: "b\n", code: 3 });
    await tsukube.run(["kill", "bg"]);
    await tsukube.run(["rm", "bg"]);
    expect((await tsukube.run(["rm", "bg"], { accept: all })).stderr).toContain("No such container: bg");
  }, 30_000);

  test("what there is, is listed, shown and pruned by kind, and an engine tells what it is", async () => {
    expect(await docker("version", "--format", "{{.Server.APIVersion}} {{.Server.MinAPIVersion}}")).toBe("1.51 1.24");
    expect(await docker("info", "--format", "{{.OSType}} {{.DefaultRuntime}}")).toBe("linux crun");
    await docker("network", "create", "--label", "a=b", "kind");
    expect(await docker("network", "ls", "-q", "--filter", "label=a=b", "--format", "{{.Name}}")).toBe("kind");
    expect(await docker("network", "inspect", "-f", "{{.Driver}} {{.Labels.a}}", "kind")).toBe("bridge b");
    expect(await docker("network", "prune", "-f")).toContain("kind");
    await docker("volume", "create", "--label", "a=b", "kind");
    expect(await docker("volume", "inspect", "-f", "{{.Driver}} {{.Labels.a}}", "kind")).toBe("local b");
    expect(await docker("volume", "ls", "-q", "--filter", "label=a=b")).toBe("kind");
    await docker("volume", "rm", "kind");
    await background("limited", "", "exec sleep 1000");
    await docker("update", "-m", "64m", "--memory-swap", "64m", "limited");
    expect(await inspect("limited", "{{.HostConfig.Memory}}")).toBe(String(64 * 1024 ** 2));
    expect(await inTerminal("docker exec -it limited sh", [["#", "tty; exit\r"]])).toContain("/dev/pts/0");
    await docker("rm", "-f", "limited");
    const [layer = ""] = JSON.parse(
      await docker("image", "inspect", "-f", "{{json .RootFS.Layers}}", BUSYBOX),
    ) as string[];
    expect((await tsukube.run(["image", "why", layer])).stdout).toContain("busybox");
    expect((await failing("search", "127.0.0.1:1/nothing")).stderr).toContain("Cannot");
  }, 60_000);

  test("prune and df tell and free what nobody uses", async () => {
    await docker("run", "--name", "over", "-v", "/anonymous", BUSYBOX, "true");
    expect(await docker("system", "df", "--format", "{{.Type}} {{.TotalCount}}")).toContain("Containers 1");
    await docker("network", "create", "unused");
    const said = await docker("system", "prune", "-f", "--volumes");
    expect(said).toContain("Deleted Containers:");
    expect(said).toContain("unused");
    expect(await docker("ps", "-aq")).toBe("");
    expect(await docker("volume", "ls", "-q")).toBe("");
  });

  test("down ends its containers and leaves nothing on the host", async () => {
    await docker("run", "-d", "--name", "last", "-p", "18081:80", BUSYBOX, "sh", "-c", LOOP);
    expect((await tsukube.run(["status"])).stdout).toContain(`Engine "${NAME}" runs`);
    expect(groupsOf(NAME)).not.toEqual([]);
    await tsukube.run(["down"]);
    expect((await run("nft", ["list", "table", "ip", `tsukube-${NAME}-docker`], { accept: [0, 1] })).code).toBe(1);
    expect(existsSync(`/run/tsukube/${NAME}`)).toBe(false);
    expect(groupsOf(NAME)).toEqual([]);
    expect(readFileSync("/proc/mounts", "utf8")).not.toContain(`tsukube/${NAME}`);
  }, 60_000);
});
