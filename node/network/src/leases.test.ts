import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Leases } from "./leases.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tsukube-leases-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const rest = { interfaceName: "eth0", hostLink: "tk0-x", ports: [] };

async function open(cidr = "10.64.0.0/16"): Promise<Leases> {
  const leases = new Leases(folder, cidr);
  await leases.load();
  return leases;
}

test("addresses start after the gateway, are given once, and a container keeps its own", async () => {
  const leases = await open();
  expect((await leases.take("a", rest)).address).toBe("10.64.0.2");
  expect((await leases.take("b", rest)).address).toBe("10.64.0.3");
  expect((await leases.take("a", rest)).address).toBe("10.64.0.2");
});

test("two that ask at once get two addresses", async () => {
  const leases = await open();
  const [a, b] = await Promise.all([leases.take("a", rest), leases.take("b", rest)]);
  expect(a.address).not.toBe(b.address);
});

test("a released address rests while others are free", async () => {
  const leases = await open();
  await leases.take("a", rest);
  await leases.release("a");
  expect((await leases.take("b", rest)).address).toBe("10.64.0.3");
});

test("leases survive a restart and are continued after", async () => {
  await (await open()).take("a", rest);
  const again = await open();
  expect(again.of("a")?.address).toBe("10.64.0.2");
  expect((await again.take("b", rest)).address).toBe("10.64.0.3");
});

test("a full network says so, and a release helps", async () => {
  const leases = await open("10.64.0.0/29");
  for (const id of ["a", "b", "c", "d", "e"]) await leases.take(id, rest);
  await expect(leases.take("f", rest)).rejects.toMatchObject({ code: "exhausted" });
  await leases.release("c");
  expect((await leases.take("f", rest)).address).toBe("10.64.0.4");
});

test("a damaged lease is dropped at start", async () => {
  await (await open()).take("a", rest);
  writeFileSync(join(folder, "10.64.0.2"), "garbage");
  expect((await open()).all).toEqual([]);
  expect(readdirSync(folder)).toEqual([]);
});
