import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { createDocument, type RunOptions } from "./run-container.ts";

const none: RunOptions = {
  ...{ publish: [], volume: [], env: [], envFile: [], label: [], networkAlias: [], capAdd: [], capDrop: [] },
};

test("flags become what docker's own would send", () => {
  const document = createDocument("web:1", ["serve"], {
    ...none,
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
  const document = createDocument("web", [], { ...none, detach: true, interactive: true });
  expect(document).toMatchObject({ OpenStdin: true, StdinOnce: false, AttachStdin: false, AttachStdout: false });
});

test("variables come from files, without comments, and before those of flags", () => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-env-"));
  try {
    writeFileSync(join(folder, "env"), "# settings\nA=file\n\nB=two words\n");
    const document = createDocument("web", [], { ...none, envFile: [join(folder, "env")], env: ["A=flag"] });
    expect(document).toMatchObject({ Env: ["A=file", "B=two words", "A=flag"] });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each(["a:80", "8080:b", "1:2:3:x"])("%s is no port", (publish) => {
  expect(() => createDocument("web", [], { ...none, publish: [publish] })).toThrow("expected a form like 8080:80");
});
