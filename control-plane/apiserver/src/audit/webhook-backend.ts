import { encodeUnstructuredText } from "@tsukube/api";
import { type Clock, type Logger, type Metrics, messageOf } from "@tsukube/foundation";
import { askTarget, type Kubeconfig, type WebhookTarget } from "../configuration/kubeconfig.ts";
import { type AuditErrors, auditErrors } from "./audit-metrics.ts";
import type { AuditBackend } from "./auditor.ts";

/** Upstream's defaults of --audit-webhook-batch-*. */
const MOST_WAITING = 10_000;
const MOST_IN_BATCH = 400;
const LONGEST_WAIT_MS = 30_000;
const ATTEMPTS = 5;
const FIRST_RETRY_MS = 500;

/**
 * Sends events in batches to the server of a kubeconfig, one batch after the other. What it does not take is dropped after some
 * attempts, and so is what comes while too many wait; both are logged and counted.
 */
export class WebhookAuditBackend implements AuditBackend {
  readonly #target: WebhookTarget;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #errors: AuditErrors;
  readonly #waiting: object[] = [];
  #dropped = 0;
  #cancel: (() => void) | undefined;
  #sending: Promise<void> | undefined;

  /** @throws {TsukubeError} `invalid`. */
  constructor(kubeconfig: Kubeconfig, clock: Clock, logger: Logger, metrics: Metrics) {
    this.#target = kubeconfig.target();
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

async function post(target: WebhookTarget, body: Buffer, clock: Clock): Promise<void> {
  const { status } = await askTarget(target, body, { clock, signal: NEVER });
  if (status < 200 || status >= 300) throw new Error(`the server responded with the status code ${status}`);
}

const NEVER = new AbortController().signal;
