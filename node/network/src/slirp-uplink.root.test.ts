import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { readRecord, startTimeOf } from "@tsukube/host";
import type { PublishedPort } from "@tsukube/node-contracts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SlirpUplink } from "./slirp-uplink.ts";

const port = (hostPort: number): PublishedPort => ({
  ...{ protocol: "tcp", hostAddress: "127.0.0.1", hostPort },
  ...{ containerAddress: "10.0.2.100", containerPort: 80 },
});

describe.skipIf(process.getuid?.() !== 0 || !existsSync("/usr/bin/slirp4netns"))(
  "what leads from networks without root to that of the machine (needs root, and the package slirp4netns)",
  () => {
    let lifetime: Lifetime;
    let folder: string;
    let uplink: SlirpUplink;

    beforeEach(() => {
      lifetime = new Lifetime();
      const scratch = mkdtempSync(join(tmpdir(), "tsukube-uplink-"));
      lifetime.add("scratch", () => rmSync(scratch, { recursive: true }));
      folder = join(scratch, "uplink");
      uplink = new SlirpUplink({ folder });
      lifetime.add("uplink", () => uplink.close());
    });
    afterEach(() => lifetime.close());

    const pidOf = async () => (await readRecord<{ readonly pid: number }>(join(folder, "slirp4netns")))?.pid ?? 0;
    const serve = (): void => {
      const args = [`--net=${uplink.netns}`, "busybox", "httpd", "-f", "-p", "80", "-h", import.meta.dirname];
      const server = spawn("nsenter", args, { stdio: "ignore" });
      lifetime.add("server", () => void server.kill("SIGKILL"));
    };
    const status = (hostPort: number) =>
      fetch(`http://127.0.0.1:${hostPort}/index.ts`, { headers: { connection: "close" } }).then(
        (answer) => answer.status,
        () => 0,
      );

    test("leads exactly the ports that it is told of, those that it can", async () => {
      await uplink.ensure();
      serve();
      const other = createServer().listen(0, "127.0.0.1");
      lifetime.add("other", () => void other.close());
      await once(other, "listening");
      const taken = port((other.address() as { readonly port: number }).port);
      const [first, second] = [port(28_191), port(28_192)];
      const refused = await uplink.lead([first, taken]);
      expect([...refused.keys()]).toEqual([taken]);
      await expect.poll(() => status(28_191)).toBe(200);
      expect((await uplink.lead([second])).size).toBe(0);
      expect([await status(28_191), await status(28_192)]).toEqual([0, 200]);
    });

    test("one that was killed leads nowhere, another one takes its place", async () => {
      await uplink.ensure();
      serve();
      await uplink.lead([port(28_193)]);
      const killed = await pidOf();
      process.kill(killed, "SIGKILL");
      await expect.poll(() => startTimeOf(killed)).toBeUndefined();
      expect((await uplink.lead([])).size).toBe(0);
      expect((await uplink.lead([port(28_193)])).size).toBe(1);
      await uplink.ensure();
      expect(await pidOf()).not.toBe(killed);
      expect((await uplink.lead([port(28_193)])).size).toBe(0);
      await expect.poll(() => status(28_193)).toBe(200);
      const last = await pidOf();
      await uplink.close();
      await expect.poll(() => startTimeOf(last)).toBeUndefined();
      expect([uplink.isThere(), existsSync(folder)]).toEqual([false, false]);
    });
  },
);
