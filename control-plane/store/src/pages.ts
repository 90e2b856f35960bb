import type { Store, StoredRecord } from "./store.ts";

const PAGE = 500;

/** Everything below a prefix in key order, in pages, each as of the moment it is read: what changes meanwhile is seen as it was or as it is. */
export async function* pagesOf(
  store: Pick<Store, "range">,
  prefix: string,
): AsyncGenerator<readonly StoredRecord[], void> {
  let start = prefix;
  for (;;) {
    const { records, remaining } = await store.range(prefix, { start, limit: PAGE });
    yield records;
    const last = records.at(-1);
    if (last === undefined || remaining === 0) return;
    start = `${last.key}\0`;
  }
}
