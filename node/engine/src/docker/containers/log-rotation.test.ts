import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Logger, silentLogger } from "@tsukube/foundation";
import { VirtualClock } from "@tsukube/testing";
import { expect, onTestFinished, test } from "vitest";
import type { Containers } from "../../containers/containers.ts";
import type { ContainerStore } from "./container-store.ts";
import { checkLogOptions, LogRotation } from "./log-rotation.ts";

function world(...containers: { readonly id: string; readonly options: Record<string, string> }[]) {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-logs-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const warnings: unknown[] = [];
  const reopened: string[] = [];
  const all = containers.map(({ id, options }) => ({
    ...{ id, state: { status: "running" } },
    hostConfig: { LogConfig: { Type: "json-file", Config: options } },
  }));
  const rotation = new LogRotation({
    store: { all } as unknown as ContainerStore,
    containers: { reopenLog: async (id: string) => void reopened.push(id) } as unknown as Containers,
    logPath: (id) => join(folder, id),
    clock: new VirtualClock(),
    logger: { ...silentLogger, warn: (_: string, fields: object) => void warnings.push(fields) } as Logger,
  });
  const grow = (id: string): void => writeFileSync(join(folder, id), "0123456789");
  return { folder, rotation, warnings, reopened, grow };
}

test("a log that is full becomes the first of as many as are to be kept", async () => {
  const { folder, rotation, grow } = world({ id: "a", options: { "max-size": "10", "max-file": "2" } });
  for (let time = 0; time < 3; time++) {
    grow("a");
    await rotation.look();
  }
  expect(readdirSync(folder)).toEqual(["a.1"]);
});

test("a number of files that is none keeps one", async () => {
  const { folder, rotation, grow } = world({ id: "a", options: { "max-size": "10", "max-file": "many" } });
  grow("a");
  await rotation.look();
  expect(readdirSync(folder)).toEqual([]);
});

test("a log that cannot be rotated is told, and the others are", async () => {
  const options = { "max-size": "10", "max-file": "2" };
  const { folder, rotation, warnings, reopened, grow } = world({ id: "a", options }, { id: "b", options });
  for (const id of ["a", "b"]) grow(id);
  mkdirSync(join(folder, "a.1/in the way"), { recursive: true });
  await rotation.look();
  expect(warnings).toEqual([{ id: "a", error: expect.any(String) }]);
  expect(reopened).toEqual(["b"]);
});

test("options that say no size or number are refused", () => {
  checkLogOptions({ "max-size": "1.5m", "max-file": "3", compress: "true" });
  for (const options of [{ "max-size": "big" }, { "max-size": "0" }, { "max-file": "NaN" }, { "max-file": "0" }])
    expect(() => checkLogOptions(options as Record<string, string>)).toThrow("invalid log option max-");
});
