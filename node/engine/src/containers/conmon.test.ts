import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realClock } from "@tsukube/host";
import { expect, test } from "vitest";
import { accepted } from "./conmon.ts";

const SERVER = 'require("node:net").createServer().listen(process.argv[1], () => console.log("ready"))';

test("who connects waits until a process that is slow has accepted, and for one that is gone not at all", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-conmon-"));
  const server = spawn(process.execPath, ["-e", SERVER, join(folder, "s")], { stdio: ["ignore", "pipe", "inherit"] });
  const clients: Socket[] = [];
  try {
    await once(server.stdout, "data");
    process.kill(server.pid!, "SIGSTOP");
    let isAccepted = false;
    const connected: Promise<unknown>[] = [];
    const waiting = accepted(
      server.pid,
      2,
      () => {
        for (let client = 0; client < 2; client++) {
          const socket = createConnection(join(folder, "s"));
          clients.push(socket);
          connected.push(once(socket, "connect"));
        }
      },
      realClock,
    ).then(() => {
      isAccepted = true;
    });
    await Promise.all(connected);
    expect(isAccepted).toBe(false);
    process.kill(server.pid!, "SIGCONT");
    await waiting;
    server.kill("SIGKILL");
    await once(server, "close");
    await accepted(server.pid, 1, () => {}, realClock);
  } finally {
    for (const client of clients) client.destroy();
    server.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
});
