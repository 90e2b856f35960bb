import { type Clock, type Logger, messageOf } from "@tsukube/foundation";
import { withPort } from "@tsukube/foundation/ip-network";
import type { HttpServer } from "./http-server.ts";

/** As upstream's kube-proxy has it. */
const RETRY_MS = 5000;

export interface ListenOptions {
  readonly address: string;
  readonly port: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told the port, once it listens. */
  listening?(port: number): void;
}

/**
 * Listens, or tries again until it can: whoever has the port keeps nobody from working. Resolves after the first attempt.
 * @returns ends the attempts; what one under way still opens is there to be closed with the server when it resolves.
 */
export async function listenWhenFree(
  server: Pick<HttpServer, "listen">,
  { address, port, clock, logger, listening }: ListenOptions,
): Promise<() => Promise<void>> {
  let cancel = (): void => {};
  let isTold = false;
  let isStopped = false;
  const attempt = async (): Promise<void> => {
    try {
      const got = await server.listen(address, port);
      if (!isStopped) listening?.(got);
    } catch (error) {
      if (isStopped) return;
      if (!isTold) logger.warn("cannot listen, trying again", { at: withPort(address, port), error: messageOf(error) });
      isTold = true;
      cancel = clock.after(RETRY_MS, () => void (latest = attempt()), { background: true });
    }
  };
  let latest = attempt();
  await latest;
  return async () => {
    isStopped = true;
    cancel();
    await latest;
  };
}
