import { ApiError, canonicalTime, type FieldError, fieldError, TimeError } from "@tsukube/api";
import { isTrue } from "../chain/request-info.ts";
import { numberOf } from "../endpoints/list-options.ts";

const SWITCHES = ["follow", "previous", "timestamps"] as const;
const NUMBERS = [
  ["tailLines", 0, "must be greater than or equal to 0"],
  ["limitBytes", 1, "must be greater than 0"],
  ["sinceSeconds", 1, "must be greater than 0"],
] as const;
const STREAMS = ["All", "Stderr", "Stdout"];

/**
 * What a request for a pod's log asks for (core/v1 PodLogOptions), as its kubelet takes it. @param hasStreams Whether it may be of one
 * stream: the gate PodLogsQuerySplitStreams. @throws {ApiError} 400, 422.
 */
export function kubeletLogQuery(query: URLSearchParams, pod: string, hasStreams: boolean): URLSearchParams {
  const out = new URLSearchParams();
  const errors: FieldError[] = [];
  for (const name of SWITCHES) if (isTrue(query.get(name))) out.append(name, "true");
  for (const [name, least, why] of NUMBERS) {
    const value = numberOf(query, name);
    if (value === undefined) continue;
    if (value < least) errors.push(fieldError.invalid(name, value, why));
    out.append(name, String(value));
  }
  const time = timeOf(query.get("sinceTime") ?? "");
  if (time !== undefined) out.append("sinceTime", time);
  if (time !== undefined && out.has("sinceSeconds"))
    errors.push(fieldError.forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified"));
  const stream = query.get("stream");
  if (stream !== null) {
    errors.push(...(hasStreams ? streamErrors(stream, out.has("tailLines")) : [NO_STREAMS]));
    out.append("stream", stream);
  }
  if (errors.length > 0) throw ApiError.invalid({ group: "", kind: "PodLogOptions" }, pod, errors);
  return out;
}

const NO_STREAMS = fieldError.forbidden("stream", "may not be specified");

function streamErrors(stream: string, hasTail: boolean): readonly FieldError[] {
  if (!STREAMS.includes(stream)) return [fieldError.notSupported("stream", stream, STREAMS)];
  if (stream === "All" || !hasTail) return [];
  return [fieldError.forbidden("", "`tailLines` and specific `stream` are mutually exclusive for now")];
}

function timeOf(text: string): string | undefined {
  try {
    return text === "" ? undefined : (canonicalTime(text) ?? undefined);
  } catch (error) {
    if (error instanceof TimeError) throw ApiError.badRequest(error.message);
    throw error;
  }
}
