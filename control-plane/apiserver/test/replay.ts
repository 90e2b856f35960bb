import type { Status } from "@tsukube/api/types/meta-v1";
import type { Transport } from "@tsukube/client";

/** What is compared of an answer; absent parts are not. */
export interface Answer {
  readonly code: number;
  readonly kind?: string | null;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: Status["details"];
  readonly warnings?: readonly string[];
  readonly "Retry-After"?: string;
  readonly raw?: string;
}

export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly accept?: string;
}

/** Recordings write "x*300" for 300 times x. */
function expanded(text: string): string {
  return text.replaceAll(/x\*(\d+)/g, (_, count: string) => "x".repeat(Number(count)));
}

/** Sends a recorded request and reads the answer; of streams, whether they begin. */
export async function answerOf(transport: Transport, sent: Sent): Promise<Answer> {
  const isJson = sent.contentType === undefined && sent.body !== undefined;
  const { status, headers, body } = await transport.request({
    method: sent.method,
    path: expanded(sent.path),
    headers: {
      ...(sent.accept !== undefined && { accept: sent.accept }),
      ...(sent.contentType !== undefined && { "content-type": sent.contentType }),
      ...(isJson && { "content-type": "application/json" }),
      "user-agent": "recorder/1",
    },
    ...(sent.body !== undefined && { body: Buffer.from(expanded(sent.body)) }),
  });
  const warnings = headers["warning"] as readonly string[] | undefined;
  const retryAfter = headers["retry-after"] as string | undefined;
  const common = {
    code: status,
    ...(warnings !== undefined && { warnings }),
    ...(retryAfter !== undefined && { "Retry-After": retryAfter }),
  };
  if (!(body instanceof Uint8Array)) return { ...common, raw: "" };
  const text = Buffer.from(body).toString("utf8");
  if (!text.startsWith("{")) return { ...common, raw: text };
  const object = JSON.parse(text) as Status & { readonly kind?: string };
  if (object.kind !== "Status") return { ...common, kind: object.kind ?? "" };
  const { reason, message, details } = object;
  return {
    ...common,
    ...(reason !== undefined && { reason }),
    ...(message !== undefined && { message }),
    ...(details !== undefined && { details }),
  };
}

/** An answer without what differs from server to server. */
export function shown(answer: Answer): Readonly<Record<string, unknown>> {
  const { code, kind, reason, message, details, warnings, raw } = answer;
  return {
    code,
    ...(kind !== undefined && kind !== null && kind !== "Status" && { kind }),
    ...(reason !== undefined && { reason }),
    ...(message !== undefined && { message: plain(message) }),
    ...(details !== undefined && Object.keys(details).length > 0 && { details: plainDetails(details) }),
    ...(details?.causes !== undefined && { causeMessages: details.causes.map((cause) => plain(cause.message ?? "")) }),
    ...(warnings !== undefined && { warnings }),
    ...(answer["Retry-After"] !== undefined && { "Retry-After": answer["Retry-After"] }),
    ...(raw !== undefined && raw !== "" && code >= 400 && { raw }),
  };
}

const UID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g;

/** Long messages are cut: only their beginnings are compared. */
function plain(text: string): string {
  return text
    .replaceAll(/x\*(\d+)/g, (_, count: string) => "x".repeat(Number(count)))
    .replaceAll(UID, "<uid>")
    .replaceAll(/current: \d+/g, "current: <revision>")
    .replaceAll(/in record \(\d+\)/g, "in record (<revision>)")
    .replaceAll(/(x{58}|Bad_)[a-z0-9]{5}"/g, '$1<5>"')
    .replace(/…$/, "")
    .slice(0, 160);
}

function plainDetails(details: NonNullable<Status["details"]>): unknown {
  const { name, causes, ...rest } = details;
  const { uid: _uid, ...others } = rest;
  return {
    ...others,
    ...(name !== undefined && { name: plain(`${name}"`) }),
    ...(causes !== undefined && {
      causes: causes.map(({ reason, field }) => `${reason ?? ""} ${field ?? ""}`),
    }),
  };
}
