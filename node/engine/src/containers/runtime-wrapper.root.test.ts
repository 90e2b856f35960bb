import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { run } from "@tsukube/host";
import { expect, onTestFinished, test } from "vitest";
import { runtimeWrapper } from "./runtime-wrapper.ts";

test.skipIf(process.getuid?.() !== 0)(
  "a program started by the wrapper in a chroot has the chroot as root of its mount namespace (needs root)",
  async () => {
    const root = mkdtempSync(`${tmpdir()}/chroot-`);
    onTestFinished(() => rmSync(root, { recursive: true }));
    for (const folder of ["usr", "run", "proc", "tmp"]) mkdirSync(`${root}/${folder}`);
    const links = ["bin", "lib", "lib64", "sbin"].map((name) => `ln -s usr/${name} ${root}/${name}`);
    const script = runtimeWrapper("/run/probe", { hybridCgroups: false, oldRoot: "/run/outside" }) ?? "";
    writeFileSync(`${root}/run/wrapper`, script, { mode: 0o755 });
    writeFileSync(`${root}/run/marker`, "");
    // the root seen by whoever enters the namespace, as an exec into a container does
    const probe = "nsenter --mount=/proc/self/ns/mnt ls /run/marker && ls /run/outside";
    writeFileSync(`${root}/run/probe`, `#!/bin/sh\n${probe}\n`, { mode: 0o755 });
    const mounts = [`mount --bind /usr ${root}/usr`, `mount -t proc proc ${root}/proc`];
    const steps = [...links, ...mounts, `exec chroot ${root} /run/wrapper`].join(" && ");
    const { stdout } = await run("unshare", ["--mount", "--propagation", "private", "sh", "-c", steps]);
    expect(stdout.trim()).toBe("/run/marker");
  },
);
