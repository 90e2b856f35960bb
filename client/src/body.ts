import { ApiError, decodeUnstructured, encodeUnstructured } from "@tsukube/api";
import type { Status } from "@tsukube/api/types/meta-v1";
import type { ApiResponse } from "./transport.ts";

/** The bytes of a request body. */
export function encodeBody(value: unknown): Uint8Array {
  return encodeUnstructured(value);
}

/** The only place where the client decodes: bytes to a deeply frozen value. @throws {DecodeError} */
export function decodeBody<T>(bytes: Uint8Array): T {
  return freeze(decodeUnstructured<T>(bytes).object);
}

/** Reads a whole response body. */
export async function readBody(response: ApiResponse): Promise<Uint8Array> {
  if (response.body instanceof Uint8Array) return response.body;
  const pieces: Uint8Array[] = [];
  for await (const piece of response.body) pieces.push(piece);
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
}

/** The whole value of a successful response. @throws {ApiError} with the server's Status for any other. */
export async function readValue<T>(response: ApiResponse): Promise<T> {
  await assertSuccess(response);
  const bytes = await readBody(response);
  return bytes.length === 0 ? (undefined as T) : decodeBody<T>(bytes);
}

/** @throws {ApiError} unless the response is a success. */
export async function assertSuccess(response: ApiResponse): Promise<void> {
  if (response.status >= 200 && response.status < 300) return;
  const bytes = await readBody(response);
  throw new ApiError(statusOf(response.status, bytes));
}

/** The Status that an answer carries; answers of proxies in between carry none. */
function statusOf(code: number, bytes: Uint8Array): Status {
  const text = Buffer.from(bytes).toString();
  if (text.startsWith("{")) {
    const value = decodeBody<Status>(bytes);
    if (value.kind === "Status") return { code, ...value };
  }
  return { ...ApiError.generic(code).status, ...(text === "" ? {} : { message: text.slice(0, 1000) }) };
}

function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) freeze(member);
  return Object.freeze(value);
}
