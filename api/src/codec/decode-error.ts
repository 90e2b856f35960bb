import { TsukubeError } from "@tsukube/foundation";

/** `syntax`: not JSON, YAML or protobuf; `type`: a value of another type than the field's; `limit`: too deep or too large. */
export type DecodeErrorCode = "syntax" | "type" | "limit";

/** A body that cannot be decoded. The message is Go's, as clients of upstream see it, without any prefix. */
export class DecodeError extends TsukubeError<DecodeErrorCode> {}

/** How a body is decoded. */
export interface DecodeOptions {
  /** Nesting allowed; default 10000, as upstream. */
  readonly maxDepth?: number;
  /** Bytes allowed; default unlimited: the HTTP layer has the limit of requests. */
  readonly maxBytes?: number;
  /** Collect problems at all (fieldValidation Warn and Strict); default true. */
  readonly collectProblems?: boolean;
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
