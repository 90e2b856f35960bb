/**
 * The base of every error that crosses a package border: a stable code for programs, a message for people.
 * The message reads `Cannot <action> "<what>": <state>, expected <state>` and names the remedy where there is one.
 */
export class TsukubeError<Code extends string = string> extends Error {
  readonly code: Code;

  constructor(code: Code, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** Thrown by a reconciler for which retrying cannot help; the queue drops the key until the object changes. */
export class TerminalError extends TsukubeError<"terminal"> {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super("terminal", message, options);
  }
}

/** The message of anything thrown, with its chain of causes, on one line. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause === undefined) return error.message;
  const why = messageOf(error.cause);
  return error.message.includes(why) ? error.message : `${error.message} (${why})`;
}

/** The `code` of anything thrown, such as "ENOENT" or "compacted"; undefined when it carries none. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}

/** For the `default` of an exhaustive switch: a compile error when a case is missing. */
export function unreachable(value: never): never {
  throw new TsukubeError("unreachable", `Cannot handle "${String(value)}": no case for it`);
}
