import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { digestOf, imageManifest } from "./registry-under-test.ts";

let folder: string;
let child: ChildProcess | undefined;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "tsukube-registry-crash-"))));
afterEach(async () => {
  await kill();
  await rm(folder, { recursive: true });
});

async function start(): Promise<string> {
  const script = join(import.meta.dirname, "../test/registry-child.ts");
  child = spawn(process.execPath, [script, folder, "4000"], { stdio: ["ignore", "pipe", "inherit"] });
  const [port] = (await once(child.stdout!, "data")) as [Buffer];
  return `http://127.0.0.1:${String(port).trim()}`;
}

async function kill(): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

/** Pushes image after image until the registry is gone. @param told Gets each that the registry said it has. */
async function pushAll(url: string, name: string, told: Map<string, string>): Promise<void> {
  for (let round = 0; ; round++) {
    const layers = [randomBytes(20_000).toString("hex"), "the same for all"];
    const text = imageManifest(layers, { annotations: { round: String(round) } });
    try {
      for (const content of ["{}", ...layers]) {
        const digest = digestOf(content);
        const begun = await fetch(`${url}/v2/${name}/blobs/uploads/`, { method: "POST" });
        const place = new URL(begun.headers.get("location") ?? "", url);
        await fetch(place, { method: "PATCH", body: content });
        const put = await fetch(`${place}?digest=${digest}`, { method: "PUT" });
        expect(put.status).toBe(201);
      }
      const headers = { "content-type": "application/vnd.oci.image.manifest.v1+json" };
      const put = await fetch(`${url}/v2/${name}/manifests/v${round}`, { method: "PUT", body: text, headers });
      expect(put.status).toBe(201);
      told.set(`v${round}`, text);
    } catch (error) {
      if (error instanceof TypeError) return; // the connection broke
      throw error;
    }
  }
}

test("killed at any moment of pushes and collections, a registry has all that it said it has, and nothing half", async () => {
  let images = 0;
  for (let kills = 0; kills < 6; kills++) {
    const url = await start();
    const pushes = ["one", "two"].map((name) => [name, new Map<string, string>()] as const);
    const all = pushes.map(([name, told]) => pushAll(url, `${name}${kills}`, told));
    await sleep(randomInt(100, 700));
    await kill();
    await Promise.all(all);
    const again = await start();
    for (const [name, told] of pushes)
      for (const [tag, text] of told) {
        const path = `${again}/v2/${name}${kills}`;
        expect(await (await fetch(`${path}/manifests/${tag}`)).text()).toBe(text);
        const { config, layers } = JSON.parse(text) as { config: { digest: string }; layers: { digest: string }[] };
        for (const { digest } of [config, ...layers]) {
          const blob = await fetch(`${path}/blobs/${digest}`);
          expect(digestOf(Buffer.from(await blob.arrayBuffer()))).toBe(digest);
        }
        images++;
      }
    for (const [name] of pushes) {
      const list = await fetch(`${again}/v2/${name}${kills}/tags/list`);
      const { tags = [] } = (await list.json()) as { tags?: readonly string[] };
      for (const tag of tags) expect((await fetch(`${again}/v2/${name}${kills}/manifests/${tag}`)).status).toBe(200);
    }
    await kill();
  }
  expect(images).toBeGreaterThan(5);
}, 60_000);
