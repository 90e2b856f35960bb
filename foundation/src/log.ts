export type LogLevel = "debug" | "info" | "warn" | "error";

/** Fields of a log line. Never secrets: no token, key, password or Secret data. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured logging: a constant message plus fields. Lower layers throw; edges log. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to each line. */
  child(fields: LogFields): Logger;
}

/** Drops everything: the default of libraries. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
