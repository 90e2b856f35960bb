import type { WatchCache } from "./watch-cache.ts";

/**
 * What follows from the objects below some prefixes of a cache: made when it is asked for, anew once one of them has changed.
 * For what every request asks for and hardly anybody changes.
 * @param prefixes Whole segments, such as "/registry/namespaces/". @param make Looks at nothing else.
 */
export function derived<T extends object>(
  prefixes: readonly string[],
  make: (cache: WatchCache) => T,
): (cache: WatchCache) => T {
  const known = new WeakMap<WatchCache, { value: T | undefined }>();
  return (cache) => {
    let entry = known.get(cache);
    if (entry === undefined) {
      const own: { value: T | undefined } = { value: undefined };
      for (const prefix of prefixes)
        cache.subscribe(prefix, () => {
          own.value = undefined;
        });
      known.set(cache, (entry = own));
    }
    entry.value ??= make(cache);
    return entry.value;
  };
}
