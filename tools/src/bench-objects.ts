import type { Mutation, StoredRecord } from "@tsukube/store";

const BATCH = 1000;
const DIGITS = 8;

/** The name of an object that {@link copiesOf} takes as its model: as long as those of the copies. */
export const MODEL = `bench-${"x".repeat(DIGITS)}`;

/** Puts of objects like one that is stored, each with a name and a uid of its own, in transactions of a thousand. */
export function* copiesOf({ key, value, index }: StoredRecord, count: number): IterableIterator<readonly Mutation[]> {
  const text = Buffer.from(value).toString();
  const uid = /"uid":"([^"]*)"/.exec(text)?.[1] ?? "";
  for (let from = 0; from < count; from += BATCH) {
    yield Array.from({ length: Math.min(BATCH, count - from) }, (_, offset): Mutation => {
      const number = String(from + offset).padStart(DIGITS, "0");
      const own = text.replace(MODEL, `bench-${number}`).replace(uid, uid.slice(0, -DIGITS) + number);
      const name = key.replace(MODEL, `bench-${number}`);
      // of the same length, so that the index fits
      return { type: "put", key: name, value: Buffer.from(own), index, expected: "absent" };
    });
  }
}
