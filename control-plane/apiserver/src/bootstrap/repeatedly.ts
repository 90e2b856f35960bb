import { type Clock, type Lifetime, type Logger, messageOf } from "@tsukube/foundation";

export interface RepeatedlyDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lifetime: Lifetime;
}

/**
 * Does `work` every `ms` until the lifetime ends, which waits for it, and never twice at a time. What fails is logged and done again the next time.
 * @param what Such as "renew the lease of this server".
 */
export function repeatedly(
  { clock, logger, lifetime }: RepeatedlyDeps,
  what: string,
  ms: number,
  work: () => Promise<unknown>,
): void {
  let running: Promise<void> | undefined;
  const once = async (): Promise<void> => {
    try {
      await work();
    } catch (cause) {
      logger.error(`cannot ${what}`, { error: messageOf(cause) });
    }
  };
  const again = (): void => {
    running ??= clock.track(once()).finally(() => {
      running = undefined;
    });
  };
  const stop = clock.every(ms, again, { background: true });
  lifetime.add(what, async () => {
    stop();
    await running;
  });
}
