import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Exchange, OutgoingHeaders } from "@tsukube/host";
import { afterAll, expect, test } from "vitest";
import { sendSystemLog } from "./system-logs.ts";

const root = mkdtempSync(join(tmpdir(), "tsukube-logs-"));
const folder = join(root, "log");
mkdirSync(join(folder, "app"), { recursive: true });
writeFileSync(join(folder, "app/a.log"), "x".repeat(200_000));
writeFileSync(join(folder, "<b>.log"), "");
writeFileSync(join(root, "secret"), "s");
symlinkSync(join(root, "secret"), join(folder, "out"));
symlinkSync("app/a.log", join(folder, "in"));
afterAll(() => rmSync(root, { recursive: true }));

interface Answer {
  readonly code: number;
  readonly headers: OutgoingHeaders;
  readonly body: string;
}

async function ask(path: string, method = "GET"): Promise<Answer> {
  let answer: Answer | undefined;
  const begin = (code: number, headers: OutgoingHeaders) => {
    let body = "";
    return {
      write: (piece: Uint8Array) => {
        body += Buffer.from(piece).toString();
        return true;
      },
      drained: async () => {},
      end: () => {
        answer = { code, headers, body };
      },
      destroy: () => {},
    };
  };
  const send = (code: number, headers: OutgoingHeaders, body: Uint8Array): void => {
    answer = { code, headers, body: Buffer.from(body).toString() };
  };
  const exchange = { method, signal: new AbortController().signal, begin, send } as unknown as Exchange;
  await sendSystemLog(exchange, path.split("/"), folder);
  return answer!;
}

test("a folder of the node's logs is listed, as links", async () => {
  const { code, headers, body } = await ask("");
  expect([code, headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
  expect(body).toContain('<a href="./app/">app/</a>');
  expect(body).toContain('<a href="./%3Cb%3E.log">&#60;b&#62;.log</a>');
  expect(await ask("app")).toMatchObject({ code: 301, headers: { location: "./app/" } });
});

test("a log is sent whole, and a link within the folder is followed", async () => {
  for (const path of ["app/a.log", "in"])
    expect(await ask(path)).toMatchObject({
      code: 200,
      headers: { "content-length": "200000" },
      body: "x".repeat(200_000),
    });
  expect(await ask("<b>.log")).toMatchObject({ code: 200, body: "" });
});

test.each(["out", "../secret", "app/../../secret", "none", "app/a.log/x", "a\0b"])("%j is not there", async (path) => {
  expect((await ask(path)).code).toBe(404);
});

test("logs are only read", async () => {
  expect((await ask("in", "POST")).code).toBe(405);
  expect(await ask("in", "HEAD")).toMatchObject({ code: 200, headers: { "content-length": "200000" }, body: "" });
});
