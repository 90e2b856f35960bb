/** An expression that cannot be compiled; the message is that of cel-go, with the place. */
export class CelCompileError extends Error {
  constructor(source: string, at: number, why: string) {
    const before = source.slice(0, at);
    const line = before.split("\n").length;
    const column = at - (before.lastIndexOf("\n") + 1);
    const text = source.split("\n")[line - 1] ?? "";
    // of nothing, nothing is shown
    const shown = source === "" ? "" : `\n | ${text}\n | ${".".repeat(column)}^`;
    super(`ERROR: <input>:${line}:${source === "" ? 0 : column + 1}: ${why}${shown}`);
  }
}

/** An evaluation that has no value: a missing key, an overflow, an operation on the wrong types. */
export class CelError extends Error {}
