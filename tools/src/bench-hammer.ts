/** How often `put` resolved in so many milliseconds, with `writers` calls under way at any time. */
export async function hammer(writers: number, put: (key: string) => Promise<unknown>, ms = 1000): Promise<number> {
  let count = 0;
  const end = performance.now() + ms;
  const writer = async (_: unknown, index: number): Promise<void> => {
    for (let i = 0; performance.now() < end; i += 1) {
      await put(`/bench/${index}/${i}`);
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
  return count;
}
