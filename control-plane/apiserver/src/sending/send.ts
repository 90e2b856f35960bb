import type { ApiResponse } from "@tsukube/client";
import { type Exchange, gzipped, type ResponseSink } from "@tsukube/host";
import { FlowingBody } from "./flowing-body.ts";
import { Pieces } from "./pieces.ts";

const GZIP_FROM = 128 * 1024;

/** Sends an answer; large ones are compressed for who takes that. */
export async function send(exchange: Exchange, { status, headers, body }: ApiResponse): Promise<void> {
  const whole = body instanceof Pieces && (takesGzip(exchange) || exchange.method === "HEAD") ? body.joined() : body;
  if (whole instanceof Uint8Array) {
    const packed = await compressed(exchange, headers, whole);
    exchange.send(status, packed.headers, packed.body);
    return;
  }
  const length = whole instanceof Pieces ? { "content-length": String(whole.byteLength) } : {};
  const isPacked = whole instanceof FlowingBody && whole.isPackable && takesGzip(exchange);
  const plain = exchange.begin(status, { ...headers, ...length, ...(isPacked && PACKED) });
  const sink = isPacked ? await packing(plain) : plain;
  try {
    if (whole instanceof FlowingBody) await whole.flow(sink, exchange.signal);
    else
      for await (const piece of whole) {
        if (exchange.signal.aborted) break;
        if (!sink.write(piece)) await sink.drained();
      }
    sink.end();
  } catch {
    sink.destroy();
  }
}

const PACKED = { "content-encoding": "gzip", vary: "Accept-Encoding" };

async function packing(sink: ResponseSink): Promise<ResponseSink> {
  const { PackedSink } = await import("./packed-sink.ts");
  return new PackedSink(sink);
}

function takesGzip({ headers }: Exchange): boolean {
  return (headers["accept-encoding"] ?? "").split(",").some((coding) => coding.trim() === "gzip");
}

async function compressed(
  exchange: Exchange,
  headers: ApiResponse["headers"],
  body: Uint8Array,
): Promise<{ readonly headers: ApiResponse["headers"]; readonly body: Uint8Array }> {
  const isPacked = headers["content-encoding"] !== undefined;
  if (isPacked || body.length <= GZIP_FROM || !takesGzip(exchange)) return { headers, body };
  return { headers: { ...headers, ...PACKED }, body: await gzipped(body) };
}
