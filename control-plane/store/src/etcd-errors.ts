import { messageOf } from "@tsukube/foundation";
import { compacted, future } from "./memory-store.ts";
import { StoreError } from "./store.ts";

/** etcd's errors as the store's; what is one already stays. */
export function storeErrorOf(
  error: unknown,
  about: { readonly asked: number; readonly oldest: number } = { asked: 0, oldest: 0 },
): StoreError {
  if (error instanceof StoreError) return error;
  const { details = "" } = error as { readonly details?: string };
  if (/has been compacted/.test(details)) return compacted(about.asked, Math.max(about.oldest, about.asked + 1));
  if (/is a future revision/.test(details)) return future(about.asked, about.asked - 1);
  if (/database space exceeded/.test(details)) {
    return new StoreError(
      "read-only",
      `Cannot write to etcd: its database is full (${details}); compact and defragment it, then "etcdctl alarm disarm"`,
      { cause: error },
    );
  }
  return new StoreError("failed", `Cannot use etcd: ${details === "" ? messageOf(error) : details}`, { cause: error });
}
