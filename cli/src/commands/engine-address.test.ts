import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { engineAddress } from "./engine-address.ts";

test("an engine is reached where docker would reach it", () => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-certificates-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const name of ["ca", "cert", "key"]) writeFileSync(join(folder, `${name}.pem`), name);
  const secure = { DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: folder };
  expect(engineAddress("unix:///run/docker.sock", secure)).toBe("/run/docker.sock");
  expect(engineAddress("tcp://10.0.0.5", {})).toEqual({ host: "10.0.0.5", port: 2375 });
  expect(engineAddress("tcp://[fd00::1]:99", {})).toEqual({ host: "fd00::1", port: 99 });
  const tls = { ca: "ca", cert: "cert", key: "key" };
  expect(engineAddress("tcp://builder", secure)).toEqual({ host: "builder", port: 2376, tls });
});

test.each(["ssh://me@builder", "unix://relative", "tcp://", "npipe:////./pipe/docker"])("%s is refused", (text) => {
  expect(() => engineAddress(text, {})).toThrow(`Cannot reach an engine at "${text}"`);
});

test("certificates that are missing are named", () => {
  expect(() => engineAddress("tcp://builder", { DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: "/nowhere" })).toThrow(
    "/nowhere/ca.pem",
  );
});
