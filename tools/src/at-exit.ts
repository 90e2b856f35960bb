const releases = new Set<() => void>();
let isListening = false;

/**
 * Releases what would outlive this process when it ends in the middle of its work: by an error that nobody caught, or by a signal.
 * Only SIGKILL leaves it.
 * @param release Does not wait for anything.
 * @returns call when it was released in the ordinary way.
 */
export function atExit(release: () => void): () => void {
  listen();
  releases.add(release);
  return () => releases.delete(release);
}

function listen(): void {
  if (isListening) return;
  isListening = true;
  process.once("exit", () => {
    for (const release of releases) release();
  });
  for (const [signal, number] of [
    ["SIGHUP", 1],
    ["SIGINT", 2],
    ["SIGTERM", 15],
  ] as const)
    process.once(signal, () => process.exit(128 + number));
}
