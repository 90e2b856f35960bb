import { expect, test } from "vitest";
import { FileBatches } from "./file-batches.ts";

/** Keeps what it is given when the write ends, not when it begins. */
class SlowFile {
  readonly written: Buffer[] = [];
  failing = false;

  async writeFile(data: unknown): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.failing) throw new Error("no space");
    this.written.push(Buffer.from(data as Uint8Array));
  }
}

test("pieces of any size arrive whole and in order, though their memory is used again", async () => {
  const file = new SlowFile();
  const batches = new FileBatches(file);
  const expected: Buffer[] = [];
  const memory = Buffer.alloc(3 * 1024 * 1024);
  for (const [index, size] of [1, 700_000, 65_536, 3 * 1024 * 1024, 400_000, 0, 5].entries()) {
    const piece = memory.subarray(0, size).fill(index + 1);
    expected.push(Buffer.from(piece));
    await batches.add(piece);
  }
  await batches.end();
  expect(Buffer.concat(file.written).equals(Buffer.concat(expected))).toBe(true);
  expect(file.written.length).toBe(5);
});

test("what could not be written is told, at the next piece or at the end", async () => {
  const file = new SlowFile();
  const batches = new FileBatches(file);
  file.failing = true;
  await batches.add(Buffer.alloc(1024 * 1024));
  await expect(batches.end()).rejects.toThrow("no space");
  await expect(batches.add(Buffer.alloc(1024 * 1024))).rejects.toThrow("no space");
});
