import { readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { decodeYamlUnstructured, encodeUnstructuredText } from "@tsukube/api";
import { type Clock, type Logger, type Metrics, messageOf, TsukubeError, withinTime } from "@tsukube/foundation";
import { type AuditErrors, auditErrors } from "./audit-metrics.ts";
import type { AuditBackend } from "./auditor.ts";

/** Upstream's defaults of --audit-webhook-batch-*. */
const MOST_WAITING = 10_000;
const MOST_IN_BATCH = 400;
const LONGEST_WAIT_MS = 30_000;
const ATTEMPTS = 5;
const FIRST_RETRY_MS = 500;
const TIMEOUT_MS = 30_000;

interface Target {
  readonly url: URL;
  readonly tls: Readonly<Record<string, string | boolean>>;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Sends events in batches to the server of a kubeconfig, one batch after the other. What it does not take is dropped after some
 * attempts, and so is what comes while too many wait; both are logged and counted.
 */
export class WebhookAuditBackend implements AuditBackend {
  readonly #target: Target;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #errors: AuditErrors;
  readonly #waiting: object[] = [];
  #dropped = 0;
  #cancel: (() => void) | undefined;
  #sending: Promise<void> | undefined;

  /** @param kubeconfig Its text. @throws {TsukubeError} `invalid`. */
  constructor(kubeconfig: string, clock: Clock, logger: Logger, metrics: Metrics) {
    this.#target = targetOf(kubeconfig);
    this.#clock = clock;
    this.#logger = logger;
    this.#errors = auditErrors(metrics);
  }

  log(event: object): void {
    if (this.#waiting.length >= MOST_WAITING) {
      this.#dropped += 1;
      this.#errors("buffered", 1);
      return;
    }
    this.#waiting.push(event);
    if (this.#waiting.length >= MOST_IN_BATCH) this.#flush();
    else this.#cancel ??= this.#clock.after(LONGEST_WAIT_MS, () => this.#flush(), { background: true });
  }

  async close(): Promise<void> {
    this.#flush();
    await this.#sending;
  }

  /** Sends what waits, unless that goes on already. */
  #flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MOST_IN_BATCH);
      await this.#send(batch);
      if (this.#dropped === 0) continue;
      this.#logger.warn("audit events came faster than they could be sent", { dropped: this.#dropped });
      this.#dropped = 0;
    }
  }

  async #send(items: readonly object[]): Promise<void> {
    const list = { kind: "EventList", apiVersion: "audit.k8s.io/v1", metadata: {}, items };
    const body = Buffer.from(encodeUnstructuredText(list));
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await post(this.#target, body, this.#clock);
      } catch (error) {
        if (attempt < ATTEMPTS) {
          await this.#clock.sleep(FIRST_RETRY_MS * 2 ** (attempt - 1));
          continue;
        }
        this.#errors("webhook", items.length);
        this.#logger.error("cannot send audit events", { events: items.length, error: messageOf(error) });
        return;
      }
    }
  }
}

interface Kubeconfig {
  readonly "current-context"?: string;
  readonly clusters?: readonly {
    readonly name: string;
    readonly cluster: Readonly<Record<string, string | boolean>>;
  }[];
  readonly users?: readonly { readonly name: string; readonly user: Readonly<Record<string, string>> }[];
  readonly contexts?: readonly {
    readonly name: string;
    readonly context: { readonly cluster: string; readonly user?: string };
  }[];
}

function targetOf(text: string): Target {
  const { object } = decodeYamlUnstructured<Kubeconfig>(Buffer.from(text));
  const context = object.contexts?.find(({ name }) => name === object["current-context"]) ?? object.contexts?.[0];
  const cluster = object.clusters?.find(({ name }) => name === context?.context.cluster)?.cluster;
  const user = object.users?.find(({ name }) => name === context?.context.user)?.user ?? {};
  const server = cluster?.["server"];
  if (cluster === undefined || typeof server !== "string")
    throw new TsukubeError("invalid", "Cannot use the audit webhook: its kubeconfig names no server, expected one");
  const pem = (from: Readonly<Record<string, string | boolean>>, name: string): string | undefined => {
    const [data, file] = [from[`${name}-data`], from[name]];
    if (typeof data === "string") return Buffer.from(data, "base64").toString("utf8");
    return typeof file === "string" ? readFileSync(file, "utf8") : undefined;
  };
  const parts = {
    ca: pem(cluster, "certificate-authority"),
    cert: pem(user, "client-certificate"),
    key: pem(user, "client-key"),
  };
  const given = Object.entries(parts).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const token = user["token"];
  return {
    url: new URL(server),
    tls: {
      ...Object.fromEntries(given),
      allowPartialTrustChain: true,
      ...(cluster["insecure-skip-tls-verify"] === true && { rejectUnauthorized: false }),
    },
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  };
}

function post({ url, tls, headers }: Target, body: Buffer, clock: Clock): Promise<void> {
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  const options = {
    method: "POST",
    headers: { "content-type": "application/json", "content-length": body.length, ...headers },
    agent: false,
    ...tls,
  };
  const posted = (signal: AbortSignal): Promise<void> =>
    new Promise<void>((resolve, reject) => {
      const sent = send(url, { ...options, signal }, (response) => {
        response.resume();
        const { statusCode = 0 } = response;
        if (statusCode >= 200 && statusCode < 300) resolve();
        else reject(new Error(`the server responded with the status code ${statusCode}`));
      });
      sent.on("error", reject);
      sent.end(body);
    });
  return withinTime(clock, TIMEOUT_MS, NEVER, posted);
}

const NEVER = new AbortController().signal;
