import { PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { expect, test } from "vitest";
import { connectClient, DetachKeys, keysOf } from "./hijack.ts";

function typed(keys: DetachKeys, ...chunks: readonly string[]): readonly [passed: string, detached: boolean] {
  const taken = chunks.map((chunk) => keys.take(Buffer.from(chunk)));
  return [taken.map(({ passed }) => passed.toString()).join(""), taken.some(({ detached }) => detached)];
}

test("the keys that detach are taken out, however they arrive; what came before them passes", () => {
  expect(typed(new DetachKeys("ctrl-p,ctrl-q"), "ab\x10\x11")).toEqual(["ab", true]);
  expect(typed(new DetachKeys("ctrl-p,ctrl-q"), "a\x10", "\x11")).toEqual(["a", true]);
  expect(typed(new DetachKeys("ctrl-@,d"), "\0d")).toEqual(["", true]);
});

test("keys that are none are refused", () => {
  for (const names of ["ctrl-", "ctrl-1", "ab", "a,,b"])
    expect(() => keysOf(names)).toThrow(`Invalid detach keys (${names}) provided`);
});

test("what only begins like them passes with what follows", () => {
  expect(typed(new DetachKeys("ctrl-p,ctrl-q"), "a\x10b")).toEqual(["a\x10b", false]);
  expect(typed(new DetachKeys("ctrl-p,ctrl-q"), "\x10\x10\x11")).toEqual(["\x10", true]);
  expect(typed(new DetachKeys(""), "\x10\x11")).toEqual(["\x10\x11", false]);
});

test.each([
  [false, "a\x10\x11b"],
  [true, "a"],
])("keys leave a terminal alone: of other input every byte is content (terminal: %s)", async (terminal, wanted) => {
  const stdin = new PassThrough();
  const { promise: exited, resolve } = Promise.withResolvers<number>();
  const received = buffer(stdin);
  stdin.once("end", () => resolve(0));
  const process = {
    stdin,
    stdout: Readable.from([]),
    stderr: Readable.from([]),
    exited,
    kill: () => {},
    resize: () => {},
  };
  const client = {
    input: Readable.from([Buffer.from("a\x10\x11b")]),
    ...{ write: async () => {}, end: () => {}, closed: new AbortController().signal },
  };
  const options = { terminal, stdin: true, detachKeys: "ctrl-p,ctrl-q" };
  expect(await connectClient(process, client, options)).toBe(terminal ? "detached" : "ended");
  stdin.end();
  expect((await received).toString()).toBe(wanted);
});

test("a client gets the outputs that it is attached to, and the others hold nothing up", async () => {
  const said: Buffer[] = [];
  const client = { input: Readable.from([]), end: () => {}, closed: new AbortController().signal };
  const write = async (part: Uint8Array) => void said.push(Buffer.from(part));
  const process = {
    ...{ stdout: Readable.from([Buffer.from("out")]), stderr: Readable.from([Buffer.from("err")]) },
    ...{ exited: Promise.resolve(0), kill: () => {}, resize: () => {} },
  };
  const options = { terminal: false, stdin: false, detachKeys: "" };
  expect(await connectClient(process, { ...client, write }, { ...options, outputs: ["stderr"] })).toBe("ended");
  expect(said.map((part) => part.subarray(8).toString())).toEqual(["err"]);
});
