import { EtcdConnection } from "./etcd-connection.ts";
import { connectEtcd, type EtcdStoreOptions, keysOf } from "./etcd-store.ts";

/** Writes under way at a time: etcd makes them durable together. */
const AT_ONCE = 128;
/** What is written in between is given back, so that etcd's quota lasts however far it is. */
const COMPACT_EVERY = 100_000;

/**
 * Has the revisions of an etcd that was put back to what it was go on after `told`, so that none that anybody heard of comes again with other content:
 * as etcdutl's --bump-revision and --mark-compacted do, but while it serves, by as many writes of a key of our own. Whoever comes with a revision from
 * before has to look again. @returns the revision that it is at.
 */
export async function goOnAfter(
  options: EtcdStoreOptions,
  told: number,
  update: (revision: number) => void,
): Promise<number> {
  const store = await connectEtcd({ ...options, historyMs: 0 });
  const connection = new EtcdConnection(options);
  const key = keysOf(options).tick;
  const put = async (): Promise<number> => {
    const { header } = await connection.read((member, call) =>
      member.kv.Put({ key, value: Buffer.from("tick") }, call),
    );
    return Number(header?.revision);
  };
  const raise = async (end: number): Promise<void> => {
    let at = 0;
    const writer = async (): Promise<void> => {
      while (at < end) at = Math.max(at, await put());
    };
    await Promise.all(Array.from({ length: AT_ONCE }, writer));
    update(at);
  };
  const forget = async (): Promise<void> => store.compact(await store.latest());
  try {
    for (let end = await put(); end < told; await forget()) {
      end = Math.min(told, end + COMPACT_EVERY);
      await raise(end);
    }
    await connection.read((member, call) => member.kv.DeleteRange({ key }, call));
    await forget();
    return store.revision;
  } finally {
    connection.close();
    await store.close();
  }
}
