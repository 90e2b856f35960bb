import { X509Certificate } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededRandom, VirtualClock } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { addressesOf } from "./addresses.ts";
import { ensureCredentials } from "./credentials.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "credentials-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("of all certificates of a cluster only the admin's carries system:masters", async () => {
  await ensureCredentials({
    folder,
    addresses: addressesOf({ index: 0 }),
    nodeName: "n",
    nodeAddresses: ["10.0.0.1"],
    clock: new VirtualClock(),
    random: seededRandom(1),
  });
  const certificates = readdirSync(folder).filter((file) => file.endsWith(".crt"));
  expect(certificates.length).toBeGreaterThan(6);
  const subjectOf = (file: string): string => new X509Certificate(readFileSync(join(folder, file))).subject;
  expect(certificates.filter((file) => subjectOf(file).includes("system:masters"))).toEqual(["admin.crt"]);
});
