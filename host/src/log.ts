import type { LogFields, Logger, LogLevel } from "@tsukube/foundation";

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export interface LoggerOptions {
  /** Lines below it are dropped. */
  readonly level: LogLevel;
  /** One JSON object a line, or text for people. */
  readonly format: "json" | "text";
  /** Takes a whole line with its newline. */
  write(line: string): void;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** A logger that writes lines: time, level, message, fields. */
export function createLogger(options: LoggerOptions, inherited: LogFields = {}): Logger {
  const log = (level: LogLevel, message: string, fields: LogFields | undefined): void => {
    if (RANK[level] < RANK[options.level]) return;
    const all = { ...inherited, ...fields };
    const time = new Date(options.now()).toISOString();
    options.write(
      options.format === "json" ? jsonLine(time, level, message, all) : textLine(time, level, message, all),
    );
  };
  return {
    debug: (message, fields) => log("debug", message, fields),
    info: (message, fields) => log("info", message, fields),
    warn: (message, fields) => log("warn", message, fields),
    error: (message, fields) => log("error", message, fields),
    child: (fields) => createLogger(options, { ...inherited, ...fields }),
  };
}

function jsonLine(time: string, level: LogLevel, message: string, fields: LogFields): string {
  return `${JSON.stringify({ time, level, message, ...fields }, printable)}\n`;
}

function textLine(time: string, level: LogLevel, message: string, fields: LogFields): string {
  const tail = Object.entries(fields).map(([key, value]) => ` ${key}=${textOf(value)}`);
  return `${time} ${level.toUpperCase().padEnd(5)} ${message}${tail.join("")}\n`;
}

function textOf(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value, printable) ?? "undefined");
  return /[\s"=]/.test(text) && typeof value === "string" ? JSON.stringify(text) : text;
}

function printable(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  return value instanceof Error ? value.message : value;
}
