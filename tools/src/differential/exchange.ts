import {
  decodeEnvelope,
  decodeProtobuf,
  isProtobuf,
  type ObjectSchema,
  parseApiVersion,
  schemaOf,
  type Unstructured,
} from "@tsukube/api";
import type { ApiResponse, Transport } from "@tsukube/client";

/** A request of a scenario. */
interface Asked {
  readonly method: string;
  /** With query. */
  readonly path: string;
  /** Objects are sent as JSON. */
  readonly body?: object | string | Uint8Array;
  /** Content-Type; JSON by default. */
  readonly type?: string;
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What is shown of the body; default: its begin. */
  readonly note?: string;
}

/** What came back, as text: protobuf is shown as the JSON of what it holds. */
export interface Answer {
  readonly code: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The body's object; empty where it is none. */
  readonly object: Unstructured;
}

/** A request that was sent, in one line, and its answer. */
export interface Exchange {
  readonly line: string;
  readonly answer: Answer;
}

export type Send = (asked: Asked) => Promise<Answer>;

/** A course of requests. It runs against each server by itself and uses what that one answered: uids, revisions. */
export interface Scenario {
  readonly name: string;
  /** Of what is off by default. */
  readonly isOff?: boolean;
  run(send: Send): Promise<void>;
}

/** Runs a scenario against a server. @returns every exchange in the order in which they were asked. */
export async function transcript(scenario: Scenario, transport: Transport): Promise<readonly Exchange[]> {
  const exchanges: Exchange[] = [];
  await scenario.run(async (asked) => {
    const at = exchanges.push({ line: lineOf(asked), answer: unanswered("not yet") }) - 1; // several may be asked at once
    const answer = await send(transport, asked).catch((error: unknown) => unanswered(error));
    exchanges[at] = { line: lineOf(asked), answer };
    return answer;
  });
  return exchanges;
}

/** Longer than any watch that a scenario begins. */
const GIVE_UP_MS = 8000;

function unanswered(error: unknown): Answer {
  return { code: 0, headers: {}, text: `no answer: ${error instanceof Error ? error.message : error}`, object: {} };
}

async function send(transport: Transport, asked: Asked): Promise<Answer> {
  const body = bytesOf(asked.body);
  const response = await transport.request({
    method: asked.method,
    path: asked.path,
    headers: {
      "user-agent": "differential/1",
      accept: asked.accept ?? "application/json",
      ...(body !== undefined && { "content-type": asked.type ?? "application/json" }),
      ...asked.headers,
    },
    ...(body !== undefined && { body }),
    signal: AbortSignal.timeout(GIVE_UP_MS),
  });
  const headers = headersOf(response);
  const bytes = await whole(response);
  const text = headers["content-type"] === PROTOBUF_STREAM ? shownEvents(bytes) : shown(bytes);
  return { code: response.status, headers, text, object: parsed(text) };
}

function bytesOf(body: Asked["body"]): Uint8Array | undefined {
  if (body === undefined || body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
}

async function whole({ body }: ApiResponse): Promise<Buffer> {
  if (body instanceof Uint8Array) return Buffer.from(body);
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

function headersOf({ headers }: ApiResponse): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === "string" ? value : [...value].join("\n")]),
  );
}

function shown(bytes: Buffer): string {
  if (!isProtobuf(bytes)) return bytes.toString("utf8");
  const envelope = decodeEnvelope(bytes);
  const schema = schemaOf({ ...parseApiVersion(envelope.apiVersion), kind: envelope.kind });
  if (schema === undefined) return `protobuf of ${envelope.apiVersion} ${envelope.kind}`;
  const object = decodeProtobuf<object>(envelope, schema as ObjectSchema);
  return JSON.stringify({ ...object, apiVersion: envelope.apiVersion, kind: envelope.kind }, (_, value) =>
    typeof value === "bigint" ? Number(value) : value,
  );
}

const PROTOBUF_STREAM = "application/vnd.kubernetes.protobuf;stream=watch";
const MAGIC = Buffer.from("k8s\0");

/** Events of a watch, one a line as in JSON. Each is a length, then a message of a type and the object's envelope. */
function shownEvents(bytes: Buffer): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at);
    const event = bytes.subarray(at + 4, end);
    const type = event.toString("utf8", 2, 2 + event.readUInt8(1));
    lines.push(`{"type":"${type}","object":${shown(event.subarray(event.indexOf(MAGIC)))}}`);
    at = end;
  }
  return lines.join("\n");
}

function parsed(text: string): Unstructured {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === "object" && value !== null ? (value as Unstructured) : {};
  } catch {
    return {};
  }
}

const SHOWN_BODY = 300;

function lineOf({ method, path, body, type, accept, headers, note }: Asked): string {
  const more = [
    ...(type === undefined ? [] : [`content-type: ${type}`]),
    ...(accept === undefined ? [] : [`accept: ${accept}`]),
    ...Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`),
  ];
  return [method, path, ...more.map((text) => `[${text}]`), note ?? shownBody(body)]
    .filter((part) => part !== "")
    .join(" ");
}

function shownBody(body: Asked["body"]): string {
  if (body === undefined) return "";
  if (body instanceof Uint8Array) return `<${body.length} bytes>`;
  return (typeof body === "string" ? body : JSON.stringify(body)).slice(0, SHOWN_BODY);
}
