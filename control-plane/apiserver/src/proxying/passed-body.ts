import type { ClientRequest } from "node:http";
import { pour } from "@tsukube/host";
import type { IncomingRequest } from "../contracts.ts";

/** The body of a request that another server answers. */
export type PassedBody = Uint8Array | AsyncIterable<Uint8Array>;

export async function passedBody(request: IncomingRequest): Promise<PassedBody> {
  return (await request.passOn?.()) ?? request.body ?? new Uint8Array(0);
}

/** Headers without a length that say that a body comes all the same. */
export function framed<H extends object>(headers: H, body: PassedBody): H & { readonly "transfer-encoding"?: string } {
  const isOpen = !(body instanceof Uint8Array) && !("content-length" in headers);
  return isOpen ? { ...headers, "transfer-encoding": "chunked" } : headers;
}

/** Sends it as fast as it is taken; what goes wrong is an error of the request. */
export function sendBody(body: PassedBody, request: ClientRequest): void {
  if (body instanceof Uint8Array) request.end(body);
  else void pour(body, request);
}
