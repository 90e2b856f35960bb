import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { createDocument } from "./run-container.ts";

test("flags become what docker's own would send", () => {
  const document = createDocument("web:1", ["serve"], {
    ...{ interactive: true, rm: true, network: "shop", networkAlias: ["www"], restart: "on-failure:3", memory: "1.5g" },
    ...{ publish: ["8080:80", "127.0.0.1:53:53/udp", "90"], volume: ["./data:/data:ro", "named:/n"], cpus: "0.5" },
    ...{ env: ["A=1=2"], label: ["tier=web"] },
  });
  expect(document).toMatchObject({
    ...{ Image: "web:1", Cmd: ["serve"], OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true },
    ...{ Env: ["A=1=2"], Labels: { tier: "web" }, ExposedPorts: { "80/tcp": {}, "53/udp": {}, "90/tcp": {} } },
    HostConfig: {
      Binds: [`${resolve("data")}:/data:ro`, "named:/n"],
      PortBindings: {
        "80/tcp": [{ HostIp: "", HostPort: "8080" }],
        "53/udp": [{ HostIp: "127.0.0.1", HostPort: "53" }],
        "90/tcp": [{ HostIp: "", HostPort: "" }],
      },
      ...{ NetworkMode: "shop", AutoRemove: true, Memory: 1.5 * 1024 ** 3, NanoCpus: 5e8 },
      RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 },
    },
    NetworkingConfig: { EndpointsConfig: { shop: { Aliases: ["www"] } } },
  });
});

test("a detached container has no client that its input belongs to", () => {
  const document = createDocument("web", [], { detach: true, interactive: true });
  expect(document).toMatchObject({ OpenStdin: true, StdinOnce: false, AttachStdin: false, AttachStdout: false });
});

test("variables come from files, without comments, and before those of flags", () => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-env-"));
  try {
    writeFileSync(join(folder, "env"), "# settings\nA=file\n\nB=two words\n");
    const document = createDocument("web", [], { envFile: [join(folder, "env")], env: ["A=flag"] });
    expect(document).toMatchObject({ Env: ["A=file", "B=two words", "A=flag"] });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("limits, devices and times are sent as numbers", () => {
  const document = createDocument("web", [], {
    ...{ memory: "64m", memorySwap: "-1", pidsLimit: -1, shmSize: "1g", ulimit: ["nofile=1:2", "core=-1"] },
    ...{ device: ["/dev/fuse", "/dev/null:/dev/x:r", "/dev/zero:rw"], deviceReadBps: ["/dev/vda:1mb"] },
    ...{ deviceWriteIops: ["/dev/vda:9"], healthCmd: "true", healthInterval: "1m0.5s", healthRetries: 2 },
    ...{
      tmpfs: ["/t:size=1m", "/u"],
      sysctl: ["a.b=c=d"],
      addHost: ["a:1.2.3.4", "b=host-gateway"],
      ip: "10.0.0.9",
      ip6: "fd00::9",
    },
    securityOpt: ["no-new-privileges", "seccomp=unconfined", "systempaths=unconfined"],
  });
  expect(document).toMatchObject({
    Healthcheck: { Test: ["CMD-SHELL", "true"], Interval: 60.5e9, Retries: 2 },
    HostConfig: {
      ...{ Memory: 64 * 1024 ** 2, MemorySwap: -1, PidsLimit: -1, ShmSize: 1024 ** 3 },
      Ulimits: [
        { Name: "nofile", Soft: 1, Hard: 2 },
        { Name: "core", Soft: -1, Hard: -1 },
      ],
      Devices: [
        { PathOnHost: "/dev/fuse", PathInContainer: "/dev/fuse", CgroupPermissions: "rwm" },
        { PathOnHost: "/dev/null", PathInContainer: "/dev/x", CgroupPermissions: "r" },
        { PathOnHost: "/dev/zero", PathInContainer: "/dev/zero", CgroupPermissions: "rw" },
      ],
      BlkioDeviceReadBps: [{ Path: "/dev/vda", Rate: 1024 ** 2 }],
      BlkioDeviceWriteIOps: [{ Path: "/dev/vda", Rate: 9 }],
      ...{ Tmpfs: { "/t": "size=1m", "/u": "" }, Sysctls: { "a.b": "c=d" } },
      ExtraHosts: ["a:1.2.3.4", "b:host-gateway"],
      ...{ SecurityOpt: ["no-new-privileges:true", "seccomp=unconfined"], MaskedPaths: [], ReadonlyPaths: [] },
    },
    NetworkingConfig: {
      EndpointsConfig: { default: { IPAMConfig: { IPv4Address: "10.0.0.9", IPv6Address: "fd00::9" } } },
    },
  });
});

test("ranges of ports are published one by one, and one port at any of a range", () => {
  const document = createDocument("web", [], { publish: ["8000-8001:80-81", "9000-9005:90", "127.0.0.1::53/udp"] });
  expect(document).toMatchObject({
    HostConfig: {
      PortBindings: {
        "80/tcp": [{ HostIp: "", HostPort: "8000" }],
        "81/tcp": [{ HostIp: "", HostPort: "8001" }],
        "90/tcp": [{ HostIp: "", HostPort: "9000-9005" }],
        "53/udp": [{ HostIp: "127.0.0.1", HostPort: "" }],
      },
    },
  });
});

test("mounts are written in words, with commas in quotes", () => {
  const mounts = [
    "type=bind,source=./data,target=/data,readonly,bind-propagation=rslave",
    "src=named,dst=/n,ro=false,volume-nocopy,volume-opt=type=tmpfs,volume-label=a=b",
    'type=volume,src=odd,dst=/o,"volume-opt=o=size=1m,mode=700"',
    "type=tmpfs,destination=/t,tmpfs-size=1m,tmpfs-mode=0700",
    "type=image,src=app:1,dst=/i,image-subpath=share",
  ];
  expect(createDocument("web", [], { mount: mounts })).toMatchObject({
    HostConfig: {
      Mounts: [
        {
          ...{ Type: "bind", Source: resolve("data"), Target: "/data", ReadOnly: true },
          BindOptions: { Propagation: "rslave" },
        },
        {
          ...{ Type: "volume", Source: "named", Target: "/n", ReadOnly: false },
          VolumeOptions: { NoCopy: true, Labels: { a: "b" }, DriverConfig: { Options: { type: "tmpfs" } } },
        },
        { Source: "odd", VolumeOptions: { DriverConfig: { Options: { o: "size=1m,mode=700" } } } },
        { Type: "tmpfs", Target: "/t", TmpfsOptions: { SizeBytes: 1024 ** 2, Mode: 0o700 } },
        { Type: "image", Source: "app:1", Target: "/i", ImageOptions: { Subpath: "share" } },
      ],
    },
  });
});

test.each([
  [{ mount: ["type=bind,src=/a"] }, "--mount"],
  [{ mount: ["bad=1,dst=/a"] }, "--mount"],
  [{ device: ["fuse"] }, "--device"],
  [{ device: ["/dev/a:/dev/b:q"] }, "--device"],
  [{ ulimit: ["nofile"] }, "--ulimit"],
  [{ memorySwap: "many" }, "--memory-swap"],
  [{ cpus: "x" }, "--cpus"],
  [{ deviceReadBps: ["vda:1"] }, "--device-read-bps"],
  [{ healthCmd: "x", healthTimeout: "soon" }, "--health-timeout"],
  [{ healthcheck: false, healthCmd: "x" }, "--no-healthcheck"],
  [{ sysctl: ["a"] }, "--sysctl"],
  [{ addHost: ["a"] }, "--add-host"],
  [{ restart: "on-failure:x" }, "--restart"],
  [{ publish: ["80-82:1-2"] }, "--publish"],
])("%j is refused, with the flag's name", (options, flag) => {
  expect(() => createDocument("web", [], options)).toThrow(flag);
});

test.each(["a:80", "8080:b", "1:2:3:x"])("%s is no port", (publish) => {
  expect(() => createDocument("web", [], { publish: [publish] })).toThrow("expected a form like 8080:80");
});
