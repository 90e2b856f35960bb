import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Client, createClient, createHttpTransport, type Transport } from "@tsukube/client";
import { type Clock, messageOf, silentLogger, TsukubeError } from "@tsukube/foundation";
import { realClock } from "@tsukube/host";
import { type ClusterPaths, filesOf } from "./paths.ts";
import type { ClusterRecord } from "./record.ts";

/** The admin's transport to a cluster of this host. @param port The API server's by default, or that of another component. */
export async function adminTransport(
  paths: ClusterPaths,
  record: ClusterRecord,
  port = record.apiPort,
): Promise<Transport> {
  const { pki } = filesOf(paths);
  const text = (name: string): Promise<string> => readFile(join(pki, name), "utf8");
  const [ca, cert, key] = await Promise.all([text("ca.crt"), text("admin.crt"), text("admin.key")]);
  return createHttpTransport({ server: `https://127.0.0.1:${port}`, ca, clientCertificate: { cert, key } }, realClock);
}

export function adminClient(transport: Transport): Client {
  return createClient(transport, { userAgent: "tsukube/0.1", clock: realClock, logger: silentLogger });
}

/** Whether the API server says that it is ready, or another component at a path of its own that it is well. Never throws. */
export async function isReady(transport: Transport, clock: Clock, path = "/readyz"): Promise<boolean> {
  try {
    const { status, body } = await transport.request({
      method: "GET",
      path,
      headers: {},
      signal: clock.deadline(2000),
    });
    if (!(body instanceof Uint8Array)) for await (const _piece of body);
    return status === 200;
  } catch {
    return false;
  }
}

/**
 * Asks again and again. @param isHopeless Ends the wait early.
 * @throws {TsukubeError} `timeout` or, when it is hopeless, `failed`, with what `why` finds out.
 */
export async function waitUntil(
  what: string,
  check: () => Promise<boolean>,
  clock: Clock,
  ms: number,
  why: () => Promise<string>,
  isHopeless: () => boolean = () => false,
): Promise<void> {
  const began = clock.monotonic();
  while (!(await check().catch(() => false))) {
    if (isHopeless()) throw new TsukubeError("failed", `Cannot start ${what}: ${await why()}`);
    const waited = clock.monotonic() - began;
    if (waited > ms) {
      const reason = await why().catch((error: unknown) => messageOf(error));
      throw new TsukubeError(
        "timeout",
        `Cannot wait any longer for ${what}: not there after ${Math.round(ms / 1000)} s${reason === "" ? "" : `; ${reason}`}`,
      );
    }
    // late by a fiftieth at most
    await clock.sleep(Math.min(Math.max(waited / 50, 5), 100));
  }
}
