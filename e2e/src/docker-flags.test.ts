import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { systemCgroups, systemMounts } from "@tsukube/kernel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dockerFor } from "./docker-client.ts";
import { eventually } from "./eventually.ts";
import { Tsukube } from "./tsukube.ts";

const BUSYBOX = "tsukube.local/busybox";
const NAME = "e2e-docker-flags";
const ANY = Array.from({ length: 256 }, (_, code) => code);
const MS_SHARED = 1 << 20;
const MS_PRIVATE = 1 << 18;
const MB = 1024 ** 2;
const isV1 = systemCgroups().version === 1;
const isRoot = process.getuid?.() === 0;

/** A disk of this machine, by "8:0" and name. */
function disk(): { readonly numbers: string; readonly path: string } {
  const found = /^ +(\d+) +(\d+) +\d+ ((?:vd|sd|xvd|nvme)\w+)$/m.exec(readFileSync("/proc/partitions", "utf8"));
  return { numbers: `${found?.[1]}:${found?.[2]}`, path: `/dev/${found?.[3]}` };
}

/** What a control group says inside the container. */
function group(v1: string, v2: string): string {
  return `cat /sys/fs/cgroup/${isV1 ? v1 : v2}`;
}

/** Where two versions of control groups have other words for the same. */
function either(v1: string, v2: string): string {
  return isV1 ? v1 : v2;
}

describe.skipIf(!isRoot)("each flag of run has its effect inside the container (needs root)", () => {
  const lifetime = new Lifetime();
  const tsukube = new Tsukube(lifetime, NAME);
  const folder = mkdtempSync(join(tmpdir(), "tsukube-docker-flags-"));
  lifetime.add("folder", () => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "data"));
  mkdirSync(join(folder, "shared"));
  if (isRoot) {
    systemMounts.tmpfs(join(folder, "shared"), { sizeBytes: MB, mode: "755" });
    lifetime.add("mount", () => systemMounts.unmount(join(folder, "shared")));
    systemMounts.mount("", join(folder, "shared"), "", MS_SHARED, "");
  }
  writeFileSync(join(folder, "data/f"), "from the host\n");
  writeFileSync(join(folder, "env"), "# settings\nA=file\nB=2\n");
  writeFileSync(join(folder, "labels"), "tier=web\n");
  const profile = {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO" }],
  };
  writeFileSync(join(folder, "seccomp.json"), JSON.stringify(profile));
  let client: Awaited<ReturnType<typeof dockerFor>>;

  beforeAll(async () => {
    await tsukube.run(["engine", "--background"]);
    process.env["FROM_HERE"] = "here"; // which a flag -e NAME hands on
    tsukube.env["FROM_HERE"] = "here";
    client = await dockerFor(lifetime, `/run/tsukube/${NAME}/docker.sock`);
    await client.docker("network", "create", "--subnet", "172.31.78.0/24", "shop");
    await client.docker(
      "run",
      "-d",
      "--name",
      "other",
      "--network",
      "shop",
      "-v",
      "kept:/kept",
      BUSYBOX,
      "sleep",
      "10000",
    );
    await client.docker("exec", "other", "sh", "-c", "echo kept > /kept/f");
  }, 60_000);
  afterAll(() => lifetime.close(), 60_000);

  /** By the docker command, and by our own. */
  const both = async (args: readonly string[], input?: string) => {
    const options = { accept: ANY, ...(input === undefined ? {} : { input }), cwd: folder };
    const results = [await client.raw(args, options), await tsukube.run(args, options)];
    return results.map(({ stdout, stderr, code }) => ({ said: (stdout + (code === 0 ? "" : stderr)).trim(), code }));
  };

  const { numbers, path } = isRoot ? disk() : { numbers: "", path: "" };
  const cases: readonly (readonly [flags: string, script: string, said: string])[] = [
    ["-m 64m", group("memory/memory.limit_in_bytes", "memory.max"), String(64 * MB)],
    ...(systemCgroups().limitsSwap()
      ? [
          [
            "-m 64m --memory-swap 96m",
            group("memory/memory.memsw.limit_in_bytes", "memory.swap.max"),
            either(String(96 * MB), String(32 * MB)),
          ] as const,
        ]
      : []),
    ["-m 64m --memory-reservation 32m", group("memory/memory.soft_limit_in_bytes", "memory.low"), String(32 * MB)],
    ["--cpus 0.5", group("cpu/cpu.cfs_quota_us", "cpu.max"), either("50000", "50000 100000")],
    ["--cpu-period 50000 --cpu-quota 25000", group("cpu/cpu.cfs_quota_us", "cpu.max"), either("25000", "25000 50000")],
    ["--cpu-shares 512", group("cpu/cpu.shares", "cpu.weight"), either("512", "59")],
    ["--cpuset-cpus 0", group("cpuset/cpuset.cpus", "cpuset.cpus"), "0"],
    ["--cpuset-cpus 0", "grep Cpus_allowed_list /proc/self/status", "Cpus_allowed_list:\t0"],
    ["--cpuset-mems 0", group("cpuset/cpuset.mems", "cpuset.mems"), "0"],
    ["--pids-limit 33", group("pids/pids.max", "pids.max"), "33"],
    [
      "--pids-limit 5",
      "sh -c 'while :; do sleep 1 & done' 2>&1 | head -1",
      "sh: can't fork: Resource temporarily unavailable",
    ],
    [
      `--device-read-bps ${path}:1mb`,
      group("blkio/blkio.throttle.read_bps_device", "io.max"),
      either(`${numbers} ${MB}`, `${numbers} rbps=${MB} wbps=max riops=max wiops=max`),
    ],
    [
      `--device-write-bps ${path}:2mb`,
      group("blkio/blkio.throttle.write_bps_device", "io.max"),
      either(`${numbers} ${2 * MB}`, `${numbers} rbps=max wbps=${2 * MB} riops=max wiops=max`),
    ],
    [
      `--device-read-iops ${path}:100`,
      group("blkio/blkio.throttle.read_iops_device", "io.max"),
      either(`${numbers} 100`, `${numbers} rbps=max wbps=max riops=100 wiops=max`),
    ],
    [
      `--device-write-iops ${path}:200`,
      group("blkio/blkio.throttle.write_iops_device", "io.max"),
      either(`${numbers} 200`, `${numbers} rbps=max wbps=max riops=max wiops=200`),
    ],
    ["--oom-score-adj 500", "cat /proc/self/oom_score_adj", "500"],
    ["--shm-size 16m", "df -k /dev/shm | awk 'NR==2{print $2}'", "16384"],
    ["--ulimit nofile=100:200 --ulimit nproc=50", "ulimit -n; ulimit -Hn; ulimit -u", "100\n200\n50"],
    ["-e A=1 -e FROM_HERE", "echo $A $FROM_HERE", "1 here"],
    ["--env-file env -e A=flag", "echo $A $B", "flag 2"],
    ["-v ./data:/d", "cat /d/f; touch /d/new && rm /d/new && echo writable", "from the host\nwritable"],
    ["-v ./data:/d:ro", "touch /d/new 2>&1", "touch: /d/new: Read-only file system"],
    ["-v kept:/k", "cat /k/f", "kept"],
    [
      "--mount type=bind,src=./data,dst=/d,readonly",
      "cat /d/f; touch /d/new 2>&1",
      "from the host\ntouch: /d/new: Read-only file system",
    ],
    ["--mount type=volume,src=kept,dst=/k", "cat /k/f", "kept"],
    [
      "--mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=0700",
      "stat -c %a /t; df -k /t | awk 'NR==2{print $2}'",
      "700\n1024",
    ],
    [
      `--mount type=image,source=${BUSYBOX},target=/i`,
      "/i/bin/busybox echo ran; touch /i/x 2>&1",
      "ran\ntouch: /i/x: Read-only file system",
    ],
    ["--volumes-from other", "cat /kept/f", "kept"],
    ["-v /dev:/d:ro", "touch /d/shm/x 2>&1", "touch: /d/shm/x: Read-only file system"],
    ["--tmpfs /t:size=1m,mode=711", "stat -c %a /t; grep ' /t ' /proc/mounts | cut -d' ' -f3", "711\ntmpfs"],
    ["--tmpfs /t:exec", "printf '#!/bin/sh\necho ran' > /t/x; chmod 755 /t/x; /t/x", "ran"],
    ["--user 5:6 --group-add 7 --group-add 8", "id -u; id -G", "5\n6 7 8"],
    ["--user nobody", "id -un", "nobody"],
    ["--read-only", "touch /x 2>&1", "touch: /x: Read-only file system"],
    ["--cap-drop ALL --cap-add CHOWN", "grep CapEff /proc/self/status", "CapEff:\t0000000000000001"],
    ["--cap-drop MKNOD", "mknod /x c 1 3 2>&1", "mknod: /x: Operation not permitted"],
    ["--security-opt no-new-privileges", "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1"],
    ["--security-opt seccomp=unconfined", "grep Seccomp: /proc/self/status", "Seccomp:\t0"],
    [
      "--security-opt seccomp=seccomp.json",
      "mkdir /x 2>&1",
      "mkdir: can't create directory '/x': Operation not permitted",
    ],
    [
      "--privileged",
      "grep Seccomp: /proc/self/status; test -b " + path + " && mount -t tmpfs x /tmp && echo mounted",
      "Seccomp:\t0\nmounted",
    ],
    [
      "--device /dev/fuse:/dev/xfuse:r",
      ": < /dev/xfuse && echo read; (: >> /dev/xfuse) 2>&1 | grep -o 'not permitted'",
      "read\nnot permitted",
    ],
    ["--sysctl net.core.somaxconn=77", "cat /proc/sys/net/core/somaxconn", "77"],
    ["--network host", "readlink /proc/self/ns/net", "HOST-NET"],
    ["--network none", "ls /sys/class/net", "lo"],
    [
      "--network container:other",
      "hostname -i; cat /etc/hostname; ping -c1 -W2 other > /dev/null && echo found",
      "OTHER",
    ],
    ["--network shop --ip 172.31.78.77", "hostname -i", "172.31.78.77"],
    ["--network shop --network-alias www --name me", "nslookup www 127.0.0.11 2>/dev/null | grep -c '172.31.78'", "1"],
    ["--network shop", "ping -c1 -W2 other > /dev/null && echo reached", "reached"],
    [
      "--dns 9.9.9.9 --dns-search x.y --dns-option ndots:3",
      "sort /etc/resolv.conf",
      "nameserver 9.9.9.9\noptions ndots:3\nsearch x.y",
    ],
    ["--add-host db:1.2.3.4", "grep -w db /etc/hosts", "1.2.3.4\tdb"],
    ["--hostname h", "hostname; grep -c h$ /etc/hosts", "h\n1"],
    ["--init", "cat /proc/1/comm | grep -v '^sh$' | wc -l", "1"],
    ["--pid host", "readlink /proc/self/ns/pid", "HOST-PID"],
    ["--pid container:other", "ps -o args | grep -c '^sleep 10000'", "1"],
    ["--ipc host", "readlink /proc/self/ns/ipc", "HOST-IPC"],
    ["--ipc none", "grep -c ' /dev/shm ' /proc/mounts", "0"],
    ["--uts host", "readlink /proc/self/ns/uts", "HOST-UTS"],
    ["--cgroupns host", "readlink /proc/self/ns/cgroup", "HOST-CGROUP"],
    ["--workdir /made/here", "pwd", "/made/here"],
    ["--platform linux/amd64", "echo ran", "ran"],
  ];

  test.each(cases)(
    "run %s",
    async (flags, script, wanted) => {
      const links: Record<string, string> = {};
      for (const kind of ["net", "pid", "ipc", "uts", "cgroup"])
        links[`HOST-${kind.toUpperCase()}`] = `${kind}:[${statSync(`/proc/self/ns/${kind}`).ino}]`;
      if (wanted === "OTHER")
        links["OTHER"] = `${await client.docker("exec", "other", "sh", "-c", "hostname -i; hostname")}\nfound`;
      const results = await both(["run", "--rm", ...flags.split(" "), BUSYBOX, "sh", "-c", script]);
      const said = links[wanted] ?? wanted;
      expect(results.map((each) => each.said)).toEqual([said, said]);
    },
    30_000,
  );

  test("run --entrypoint, --stop-signal, --label and --restart", async () => {
    expect((await both(["run", "--rm", "--entrypoint", "echo", BUSYBOX, "a"])).map(({ said }) => said)).toEqual([
      "a",
      "a",
    ]);
    for (const command of [client.raw, (args: readonly string[]) => tsukube.run(args)]) {
      const script = "trap 'exit 9' USR1; while :; do sleep 0.1; done";
      const labels = ["--label", "a=b", "--label-file", join(folder, "labels")];
      await command(["run", "-d", "--name", "asked", "--stop-signal", "USR1", ...labels, BUSYBOX, "sh", "-c", script]);
      const mask = ["exec", "asked", "grep", "-c", "SigCgt:.*[2367abef]..$", "/proc/1/status"];
      await eventually("the trap is set", async () => (await client.raw(mask, { accept: ANY })).stdout === "1\n");
      expect(await client.docker("ps", "-q", "--filter", "label=a=b", "--filter", "label=tier=web")).not.toBe("");
      await command(["stop", "-t", "60", "asked"]);
      expect(await client.docker("wait", "asked")).toBe("9");
      await command(["rm", "asked"]);
      await command(["run", "-d", "--name", "again", "--restart", "on-failure:1", BUSYBOX, "sh", "-c", "exit 4"]);
      const state = "{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}";
      await eventually(
        "restarted once",
        async () => (await client.docker("inspect", "-f", state, "again")) === "1 exited 4",
      );
      await command(["rm", "again"]);
    }
  }, 60_000);

  test("exec -d and -w, cp, update, inspect and the options of networks say what is so, or what is wrong", async () => {
    const refused = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await client.raw(args, { accept: ANY });
      return [code, stdout + stderr];
    };
    const missing = expect.stringContaining('exec: "nope": executable file not found in $PATH');
    expect(await refused("exec", "-d", "other", "nope")).toEqual([1, missing]);
    await client.docker("exec", "-d", "other", "sh", "-c", "echo made > /made; sleep 1000");
    await eventually(
      "it runs",
      async () => (await client.raw(["exec", "other", "cat", "/made"], { accept: ANY })).stdout === "made\n",
    );
    await client.docker(
      "run",
      "-d",
      "--name",
      "first",
      "--oom-score-adj",
      "500",
      "--stop-signal",
      "KILL",
      BUSYBOX,
      "sleep",
      "1000",
    );
    expect(await client.docker("exec", "first", "cat", "/proc/self/oom_score_adj")).toBe("500");
    await client.docker("rm", "-f", "first");
    expect(await refused("exec", "-w", "rel", "other", "pwd")).toEqual([
      126,
      expect.stringContaining("Cwd must be an absolute path"),
    ]);
    const address = await client.docker("exec", "other", "hostname", "-i");
    expect(await client.docker("cp", "other:/etc/hosts", "-")).toContain(`${address}\t`);
    for (const [args, why] of [
      [["run", "--rm", "-u", "4294967296", BUSYBOX, "true"], "uids and gids must be in range 0-2147483647"],
      [["run", "--rm", "--group-add", "-1", BUSYBOX, "true"], "uids and gids must be in range 0-2147483647"],
      [["run", "--rm", "--volumes-from", "other:bad", BUSYBOX, "true"], "invalid mode: bad"],
      [["run", "--rm", "--log-opt", "compress=true", BUSYBOX, "true"], "compress cannot be true when"],
      [["update", "--restart", "bad", "other"], "invalid restart policy: unknown policy 'bad'"],
      [["network", "create", "--config-only", "small"], "only hold a configuration for others are not there"],
      [["network", "ls", "--filter", "type=small"], "invalid filter: 'type'='small'"],
      [["volume", "create", "a"], "volume name is too short"],
      [["events", "--since", "2", "--until", "1"], "cannot be after"],
      [
        ["network", "create", "-o", "com.docker.network.driver.mtu=large", "small"],
        "failed to parse com.docker.network.driver.mtu",
      ],
    ] as const)
      expect(await refused(...args)).toEqual([expect.any(Number), expect.stringContaining(why)]);
    const own = ["-o", "com.docker.network.bridge.host_binding_ipv4=127.0.0.1"];
    await client.docker("network", "create", "-o", "com.docker.network.driver.mtu=1400", ...own, "small");
    await client.docker("run", "-d", "--name", "bound", "--network", "small", "-p", "80", BUSYBOX, "sleep", "1000");
    expect(await client.docker("port", "bound")).toMatch(/^80\/tcp -> 127\.0\.0\.1:\d+$/);
    await client.docker("rm", "-f", "bound");
    await client.docker("run", "-d", "--name", "store", BUSYBOX, "sleep", "1000");
    await client.docker("run", "-d", "--name", "linked", "--link", "store:first", BUSYBOX, "sleep", "1000");
    await client.docker("rename", "store", "renamed");
    expect(await client.docker("ps", "--no-trunc", "--filter", "name=renamed", "--format", "{{.Names}}")).toBe(
      "renamed,linked/first",
    );
    await client.docker("restart", "-t", "0", "renamed");
    expect(await client.docker("exec", "linked", "grep", "first", "/etc/hosts")).toContain("renamed");
    await client.docker("rm", "--link", "linked/first");
    expect(await refused("exec", "linked", "grep", "first", "/etc/hosts")).toEqual([1, ""]);
    await client.docker("rm", "-f", "linked", "renamed");
    const mounted = ["--tmpfs", "/t", "-v", "kept:/k", "--network", "small"];
    await client.docker("run", "--name", "shown", ...mounted, BUSYBOX, "cat", "/sys/class/net/eth0/mtu");
    expect(await client.docker("logs", "shown")).toBe("1400");
    expect(await client.docker("inspect", "-f", "{{range .Mounts}}{{.Destination}} {{.Mode}}{{end}}", "shown")).toBe(
      "/k z",
    );
    await client.docker("rm", "shown");
    await client.docker("network", "rm", "small");
  }, 60_000);

  test("networks have IPv6 where that is asked for", async () => {
    await client.docker("network", "create", "--ipv6", "six");
    const serve = "mkdir /w && echo served > /w/index.html && exec httpd -f -h /w";
    const place = ["--name", "six", "--network", "six", "--network-alias", "www", "-p", "80"];
    await client.docker("run", "-d", ...place, BUSYBOX, "sh", "-c", serve);
    const { Config } = JSON.parse(await client.docker("network", "inspect", "-f", "{{json .IPAM}}", "six"));
    const own =
      "{{range .NetworkSettings.Networks}}{{.GlobalIPv6Address}}/{{.GlobalIPv6PrefixLen}} {{.IPv6Gateway}}{{end}}";
    const [address = "", gateway = ""] = (await client.docker("inspect", "-f", own, "six")).split(" ");
    expect(gateway).toBe(Config[1].Gateway);
    expect(address).toBe(`${gateway.replace(/1$/, "2")}/64`);
    const plain = address.slice(0, -"/64".length);
    const ask = `nslookup -type=aaaa www 127.0.0.11; grep six$ /etc/hosts; wget -qO- http://[${plain}]/`;
    const script = [
      "run",
      "--rm",
      "--hostname",
      "six",
      "--network",
      "six",
      "--ip6",
      `${gateway}23`,
      BUSYBOX,
      "sh",
      "-c",
      ask,
    ];
    const said = await client.docker(...script);
    for (const part of [`Address: ${plain}`, `${gateway}23\tsix`, "served"]) expect(said).toContain(part);
    const ports = (await client.docker("port", "six")).split("\n").map((line) => line.replace(/\d+$/, ""));
    expect(ports).toEqual(["80/tcp -> 0.0.0.0:", "80/tcp -> [::]:"]);
    for (const [args, why] of [
      [["run", "--rm", "--network", "shop", "--ip6", "fd00::7", BUSYBOX, "true"], "no configured subnet contains"],
      [
        ["run", "--rm", "--network", "shop", "-p", "[::]::80", BUSYBOX, "true"],
        "IPv4 alone, expected one made with --ipv6",
      ],
      [["network", "create", "--subnet", "fd00:7::/64", "seven"], "expected --ipv6 with it"],
      [["network", "create", "-o", "com.docker.network.bridge.gateway_mode_ipv4=routed", "seven"], "is not there"],
    ] as const)
      expect((await client.raw(args, { accept: ANY })).stderr).toContain(why);
    await client.docker("rm", "-f", "six");
    await client.docker("network", "rm", "six");
  }, 60_000);

  test("run --publish, --publish-all and --expose lead ports of the host there", async () => {
    for (const command of [client.raw, (args: readonly string[]) => tsukube.run(args)]) {
      const serve = "echo hello > /tmp/index.html; httpd -p 80 -h /tmp; exec httpd -f -p 81 -h /tmp";
      const ports = ["-p", "127.0.0.1:18091-18092:80-81", "--expose", "80", "-P"];
      await command(["run", "-d", "--name", "web", ...ports, BUSYBOX, "sh", "-c", serve]);
      for (const port of [18091, 18092])
        await eventually(
          `port ${port} answers`,
          async () =>
            (await fetch(`http://127.0.0.1:${port}/`).then(
              (answer) => answer.text(),
              () => "",
            )) === "hello\n",
        );
      await command(["rm", "-f", "web"]);
    }
  }, 60_000);

  test("run --mount bind-propagation: mounts reach the container, or the host too, where they are shared", async () => {
    const shared = join(folder, "shared");
    for (const command of [client.raw, (args: readonly string[]) => tsukube.run(args, { accept: ANY })]) {
      for (const propagation of ["rslave", "rshared", "rprivate"]) {
        const script = "mkdir /d/own && mount -t tmpfs own /d/own && touch /d/own/f; exec sleep 1000";
        const mount = ["--privileged", "--mount", `type=bind,src=${shared},dst=/d,bind-propagation=${propagation}`];
        await command(["run", "-d", "--name", "follows", ...mount, BUSYBOX, "sh", "-c", script]);
        await eventually(
          "it mounts",
          async () => (await client.raw(["exec", "follows", "ls", "/d/own/f"], { accept: ANY })).code === 0,
        );
        mkdirSync(join(shared, "later"));
        systemMounts.tmpfs(join(shared, "later"), { sizeBytes: MB });
        writeFileSync(join(shared, "later/g"), "");
        const seen = (await client.docker("exec", "follows", "ls", "/d/later")) === "g";
        const reaches = existsSync(join(shared, "own/f"));
        expect({ propagation, seen, reaches }).toEqual({
          ...{ propagation, seen: propagation !== "rprivate", reaches: propagation === "rshared" },
        });
        await command(["rm", "-f", "follows"]);
        for (const name of ["later", "own"]) {
          systemMounts.unmount(join(shared, name));
          rmdirSync(join(shared, name));
        }
      }
      systemMounts.mount("", shared, "", MS_PRIVATE, "");
      const refused = await client.raw(["run", "--rm", "-v", `${shared}:/d:rshared`, BUSYBOX, "true"], { accept: ANY });
      expect(refused.stderr).toContain(`path ${shared} is mounted on ${shared} but it is not a shared mount`);
      systemMounts.mount("", shared, "", MS_SHARED, "");
    }
  }, 60_000);

  test("run --health-* says whether it is well, and --no-healthcheck that nobody asks", async () => {
    for (const command of [client.raw, (args: readonly string[]) => tsukube.run(args)]) {
      const check = ["--health-cmd", "test -e /well", "--health-interval", "200ms", "--health-retries", "1"];
      const times = ["--health-timeout", "5s", "--health-start-period", "0s"];
      await command(["run", "-d", "--name", "ill", ...check, ...times, BUSYBOX, "sleep", "1000"]);
      const health = (): Promise<string> => client.docker("inspect", "-f", "{{.State.Health.Status}}", "ill");
      await eventually("unhealthy", async () => (await health()) === "unhealthy");
      await client.docker("exec", "ill", "touch", "/well");
      await eventually("healthy", async () => (await health()) === "healthy");
      await command(["rm", "-f", "ill"]);
      await command(["run", "-d", "--name", "unasked", "--no-healthcheck", BUSYBOX, "sleep", "1000"]);
      expect(await client.docker("inspect", "-f", "{{.State.Health}}", "unasked")).toBe("<nil>");
      await command(["rm", "-f", "unasked"]);
    }
  }, 60_000);

  test("run --log-driver: json-file and local are read back, of none nothing is kept; --log-opt bounds them", async () => {
    for (const command of [client.raw, (args: readonly string[]) => tsukube.run(args, { accept: ANY })]) {
      for (const driver of ["json-file", "local"]) {
        await command([
          "run",
          "--name",
          "says",
          "--log-driver",
          driver,
          "--log-opt",
          "max-size=1m",
          BUSYBOX,
          "echo",
          "kept",
        ]);
        expect(await client.docker("logs", "says")).toBe("kept");
        await command(["rm", "says"]);
      }
      await command(["run", "--name", "much", "--log-opt", "max-size=100k", BUSYBOX, "seq", "100000"]);
      const last = await client.docker("logs", "much");
      expect([last.split("\n").at(-1), last.length < 100_000]).toEqual(["100000", true]);
      await command(["rm", "much"]);
      await command(["run", "--name", "mute", "--log-driver", "none", BUSYBOX, "echo", "lost"]);
      const none = await client.raw(["logs", "mute"], { accept: ANY });
      expect(none).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("configured logging driver does not support reading"),
      });
      await command(["rm", "mute"]);
    }
  }, 60_000);

  test("run --blkio-weight is set where the kernel has it, and a warning says where not", async () => {
    const { stdout, stderr } = await client.raw([
      "run",
      "--rm",
      "--blkio-weight",
      "300",
      BUSYBOX,
      "sh",
      "-c",
      "cat /sys/fs/cgroup/blkio/blkio.bfq.weight /sys/fs/cgroup/blkio/blkio.weight /sys/fs/cgroup/io.bfq.weight 2>/dev/null; true",
    ]);
    if (!stdout.includes("300")) expect(stderr).toContain("does not support Block I/O weight");
    const own = await tsukube.run(["run", "--rm", "--blkio-weight", "300", BUSYBOX, "true"]);
    if (!stdout.includes("300")) expect(own.stderr).toContain("does not support Block I/O weight");
  }, 30_000);

  test("stop -t and kill -s end a container by time and signal", async () => {
    for (const command of [client.raw, (args: readonly string[]) => tsukube.run(args)]) {
      const script = "trap 'exit 7' HUP; trap '' TERM; echo set; while :; do sleep 0.1; done";
      for (const [name, end, code] of [
        ["hup", ["kill", "-s", "HUP"], "7"],
        ["deaf", ["stop", "-t", "0"], "137"],
      ] as const) {
        await command(["run", "-d", "--name", name, BUSYBOX, "sh", "-c", script]);
        await eventually("the traps are set", async () => (await client.docker("logs", name)) === "set");
        await command([...end, name]);
        expect(await client.docker("wait", name)).toBe(code);
        await command(["rm", name]);
      }
    }
  }, 60_000);

  test("tsukube create makes what start begins", async () => {
    const id = (
      await tsukube.run(["create", "--name", "made", "--memory-swap", "-1", "-m", "32m", BUSYBOX, "echo", "ran"])
    ).stdout.trim();
    expect(await client.docker("inspect", "-f", "{{.State.Status}} {{.Id}}", "made")).toBe(`created ${id}`);
    await tsukube.run(["start", "made"]);
    expect(await client.docker("wait", "made")).toBe("0");
    expect(await client.docker("logs", "made")).toBe("ran");
  }, 30_000);
});
