import { decodeUnstructured } from "@tsukube/api";
import { type Clock, messageOf, type Random } from "@tsukube/foundation";
import { refusalOf } from "../admission/webhooks/webhook-client.ts";
import { askTarget, type WebhookAnswer, type WebhookTarget } from "./kubeconfig.ts";

const ATTEMPTS = 5;
/** Before the second attempt, as upstream's of authentication and authorization. */
const RETRY_MS = 500;

export type WebhookResult = "success" | "timeout" | "error";

export interface WebhookCall {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Before the second attempt; before those after it more. */
  readonly retryMs?: number;
  /** Told of each attempt. */
  readonly attempted?: (result: WebhookResult, ms: number) => void;
}

/** What a webhook is asked, and what comes back. */
export interface ReviewKind {
  readonly kind: string;
  readonly apiVersion: string;
}

/** Asks again where it may be otherwise a moment later. @throws why there is no answer of this kind, with Go's words. */
export async function askWebhook<T>(
  target: WebhookTarget,
  kind: ReviewKind,
  body: Uint8Array,
  { clock, random, signal, retryMs = RETRY_MS, attempted }: WebhookCall,
): Promise<T> {
  for (let [attempt, pause] = [1, retryMs]; ; attempt += 1, pause *= 1.5) {
    const began = clock.monotonic();
    const answer = await askTarget(target, body, { clock, signal }).catch((error: Error) => error);
    const took = clock.monotonic() - began;
    try {
      const object = objectIn<T>(answer, target, kind);
      attempted?.("success", took);
      return object;
    } catch (error) {
      attempted?.(isLate(answer) ? "timeout" : "error", took);
      if (attempt === ATTEMPTS || !isPassing(answer)) throw error;
    }
    await clock.sleep(pause * (1 + random.float() * 0.2), signal);
  }
}

function isPassing(answer: WebhookAnswer | Error): boolean {
  if (answer instanceof Error) return "code" in answer && answer.code === "ECONNRESET";
  if (answer.status === 503) return answer.headers["retry-after"] !== undefined;
  return answer.status === 429 || answer.status >= 500;
}

function isLate(answer: WebhookAnswer | Error): boolean {
  return answer instanceof Error ? answer.name === "TimeoutError" : answer.status === 504;
}

function objectIn<T>(answer: WebhookAnswer | Error, { url }: WebhookTarget, wanted: ReviewKind): T {
  if (answer instanceof Error) throw new Error(`Post "${url}": ${messageOf(answer)}`);
  const { status, headers, body } = answer;
  if (status < 200 || status > 299) throw new Error(refusalOf(status, headers, body));
  const object = decodeUnstructured<ReviewKind>(body).object;
  if (object.kind !== wanted.kind || object.apiVersion !== wanted.apiVersion)
    throw new Error(
      `no kind "${object.kind}" is registered for version "${object.apiVersion}" in the webhook's answers`,
    );
  return object as T;
}
