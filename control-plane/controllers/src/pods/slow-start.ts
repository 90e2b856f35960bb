/**
 * Runs `work` `count` times in batches of 1, 2, 4, ...: what fails for one (a quota) fails for all, and is then asked only
 * once. `skipped` is called for each that was not tried.
 * @throws The first failure of the first batch that had one.
 */
export async function slowStart(
  count: number,
  work: (index: number) => Promise<void>,
  skipped: () => void,
): Promise<void> {
  let done = 0;
  for (let size = 1; done < count; size *= 2) {
    const first = done;
    const batch = Math.min(size, count - done);
    done += batch;
    try {
      await allSettled(Array.from({ length: batch }, (_, index) => work(first + index)));
    } catch (error) {
      for (; done < count; done += 1) skipped();
      throw error;
    }
  }
}

/** Waits for all, then throws the first failure. */
export async function allSettled(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
}
