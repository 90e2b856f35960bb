import { TsukubeError } from "@tsukube/foundation";

/** `syntax`: not JSON, YAML or protobuf; `type`: a value of another type than the field's; `limit`: too deep or too large. */
export type DecodeErrorCode = "syntax" | "type" | "limit";

/** A body that cannot be decoded. The message is Go's, as clients of upstream see it, without any prefix. */
export class DecodeError extends TsukubeError<DecodeErrorCode> {}

/**
 * Upstream has 10,000, where calls are nested on stacks that grow. Here objects of 2,500 levels are more than patches, comparisons and the
 * description of APIs can take.
 */
export const MOST_NESTED = 1000;

/** How deep arrays and objects are nested in well-formed JSON. */
export function nestingOf(json: Uint8Array): number {
  let [open, most] = [0, 0];
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at];
    if (byte === 0x22) {
      for (at += 1; at < json.length && json[at] !== 0x22; at += 1) if (json[at] === 0x5c) at += 1;
    } else if (byte === 0x7b || byte === 0x5b) {
      open += 1;
      if (open > most) most = open;
    } else if (byte === 0x7d || byte === 0x5d) open -= 1;
  }
  return most;
}

/** How a body is decoded. */
export interface DecodeOptions {
  /** Nesting allowed; {@link MOST_NESTED} by default. */
  readonly maxDepth?: number;
  /** Bytes allowed; default unlimited: the HTTP layer has the limit of requests. */
  readonly maxBytes?: number;
  /** Collect problems at all (fieldValidation Warn and Strict); default true. */
  readonly collectProblems?: boolean;
  /**
   * Filled with the paths, as names of fields, of lists and maps that came empty where the normal form has null or nothing: who sent
   * them owns those that are null. Those within lists, maps and what is owned as a whole are left out.
   */
  readonly emptied?: (readonly string[])[];
  /** Of values without schema: floats that are written otherwise than JavaScript writes them, such as 1e3, stay {@link JsonText}. */
  readonly keepsNumbers?: boolean;
}

/** What was decoded. */
export interface Decoded<T> {
  readonly object: T;
  /**
   * Unknown and duplicate fields, in order of appearance: `unknown field "spec.x"`, `duplicate field "data.a"`; all duplicates of YAML
   * are one of several lines. With fieldValidation Warn each is a warning, see {@link warningsOfProblem}; with Strict the request fails
   * with {@link strictDecodingMessage}. The last of duplicates counts.
   */
  readonly problems: readonly string[];
}

/** The message of a request refused for `problems` by fieldValidation=Strict. */
export function strictDecodingMessage(problems: readonly string[]): string {
  return `strict decoding error: ${problems.join(", ")}`;
}

/** One warning for each duplicate: those of YAML come together. */
export function warningsOfProblem(problem: string): readonly string[] {
  const lines = problem.replace(YAML_ERRORS, "");
  return lines === problem ? [problem] : lines.split("\n").map((line) => line.trim());
}

const YAML_ERRORS = /^yaml: unmarshal errors:\n/;
