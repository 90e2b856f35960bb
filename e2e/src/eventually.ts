import { get } from "node:http";
import { realClock } from "@tsukube/host";

const PATIENCE_MS = 30_000;

/** Asks until `check` is true; what it throws counts as "not yet". @throws what it threw last, after 30 s. */
export async function eventually(what: string, check: () => Promise<boolean>): Promise<void> {
  const began = realClock.monotonic();
  for (let cause: unknown; ; ) {
    try {
      if (await check()) return;
    } catch (error) {
      cause = error;
    }
    if (realClock.monotonic() - began > PATIENCE_MS) throw new Error(`never: ${what}`, { cause });
    await realClock.sleep(100);
  }
}

/** GET on a connection of its own. */
export function fetchText(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, timeout: 3000 }, (response) => {
      let text = "";
      response.on("data", (piece) => (text += piece));
      response.on("end", () => resolve(text));
    });
    request.on("timeout", () => request.destroy(new Error("timed out")));
    request.on("error", reject);
  });
}
