import { decodeUnstructured } from "@tsukube/api";
import { type Clock, messageOf, type Random } from "@tsukube/foundation";
import { refusalOf } from "../admission/webhooks/webhook-client.ts";
import { askTarget, type WebhookAnswer, type WebhookTarget } from "./kubeconfig.ts";

const ATTEMPTS = 5;
const PASSING = new Set([429, 500, 504]);
/** Before the second attempt, as upstream's of authentication and authorization. */
const RETRY_MS = 500;

export interface WebhookCall {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Before the second attempt; before those after it more. */
  readonly retryMs?: number;
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
  { clock, random, signal, retryMs = RETRY_MS }: WebhookCall,
): Promise<T> {
  for (let [attempt, pause] = [1, retryMs]; ; attempt += 1, pause *= 1.5) {
    const answer = await askTarget(target, body, { clock, signal }).catch((error: Error) => error);
    if (attempt === ATTEMPTS || !isPassing(answer)) return objectIn<T>(answer, target, kind);
    await clock.sleep(pause * (1 + random.float() * 0.2), signal);
  }
}

function isPassing(answer: WebhookAnswer | Error): boolean {
  if (answer instanceof Error) return "code" in answer && answer.code === "ECONNRESET";
  return PASSING.has(answer.status) || (answer.status >= 500 && answer.headers["retry-after"] !== undefined);
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
