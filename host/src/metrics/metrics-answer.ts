import type { Metrics } from "@tsukube/foundation";
import { gzipped } from "../gzipped.ts";
import type { OutgoingHeaders } from "../https-server.ts";

export interface MetricsAnswer {
  readonly headers: OutgoingHeaders;
  readonly body: Uint8Array;
}

/** Everything measured, in the form that whoever asks likes best of those that upstream has, packed for who takes that. */
export async function metricsAnswer(
  metrics: Metrics,
  request: Readonly<Record<string, string>>,
): Promise<MetricsAnswer> {
  const type = metricsType(request["accept"] ?? "");
  const body = type.startsWith("text/") ? Buffer.from(metrics.expose()) : metrics.exposeProtobuf();
  const codings = (request["accept-encoding"] ?? "").split(",").map((coding) => coding.replaceAll(" ", ""));
  if (!codings.some((coding) => /^gzip(?:;q=(?!0(?:\.0*)?$).*)?$/.test(coding)))
    return { headers: { "content-type": type }, body };
  return {
    headers: { "content-type": type, "content-encoding": "gzip", vary: "Accept-Encoding" },
    body: await gzipped(body),
  };
}

const PROTOBUF = "application/vnd.google.protobuf";
const FAMILY = "io.prometheus.client.MetricFamily";

/** Pure: the media type of the answer to an Accept header: delimited protobuf, or text, also where neither is wanted. */
export function metricsType(accept: string): string {
  const ranges = accept.split(",").map((range) => {
    const [type = "", ...rest] = range.split(";").map((part) => part.trim());
    const parameters = new Map(rest.map((part) => part.split("=", 2) as [string, string]));
    return { type, parameters, quality: Number(parameters.get("q") ?? 1) };
  });
  let escaping = "underscores";
  for (const { type, parameters } of ranges.sort((a, b) => b.quality - a.quality)) {
    const asked = parameters.get("escaping") ?? "";
    if (["allow-utf-8", "underscores", "dots", "values"].includes(asked)) escaping = asked;
    const version = parameters.get("version") ?? "0.0.4";
    if (type === "text/plain" && version === "0.0.4") break;
    if (type === PROTOBUF && parameters.get("proto") === FAMILY && parameters.get("encoding") === "delimited")
      return `${PROTOBUF}; proto=${FAMILY}; encoding=delimited; escaping=${escaping}`;
  }
  return `text/plain; version=0.0.4; charset=utf-8; escaping=${escaping}`;
}
