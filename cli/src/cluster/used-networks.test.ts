import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { writeRecord } from "@tsukube/host";
import { expect, onTestFinished, test } from "vitest";
import { filesOf } from "./paths.ts";
import { dockerNetworks } from "./used-networks.ts";

test("networks of Docker's containers count, whether their engine runs or not", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-used-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const of = (name: string) => ({ name, state: join(folder, "state", name), runtime: join(folder, "run", name) });
  expect(await dockerNetworks(of("new"))).toEqual([]);
  for (const [name, network, subnet] of [
    ["new", "bridge", "172.17.0.0/16"],
    ["stopped", "shop", "10.244.0.0/16"],
  ] as const) {
    const record = join(filesOf(of(name)).dockerNetworks, "networks", "0123");
    mkdirSync(dirname(record), { recursive: true });
    await writeRecord(record, { name: network, subnet });
  }
  writeFileSync(join(filesOf(of("stopped")).dockerNetworks, "networks", "damaged"), "{");
  expect(await dockerNetworks(of("new"))).toEqual([
    ["172.17.0.0/16", `Docker's network "bridge" of "new"`],
    ["10.244.0.0/16", `Docker's network "shop" of "stopped"`],
  ]);
});
