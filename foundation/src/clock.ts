/** Cancels what it was returned for; calling it again does nothing. */
export type Cancel = () => void;

/**
 * Time, injected. Production uses the real clock of host/, tests the virtual one of testing/.
 * Instants are milliseconds since the Unix epoch; durations are milliseconds.
 */
export interface Clock {
  /** Wall-clock time in ms since the epoch, for timestamps. */
  now(): number;
  /** Monotonic time in ms from an arbitrary origin, with fractions, for measuring durations. */
  monotonic(): number;
  /** Calls back once after `ms` (at the earliest in a later turn of the loop). Does not keep the process alive when `background`. */
  after(ms: number, callback: () => void, options?: { readonly background?: boolean }): Cancel;
  /** Calls back every `ms` until cancelled. */
  every(ms: number, callback: () => void, options?: { readonly background?: boolean }): Cancel;
  /** Resolves after `ms`. @throws the signal's reason when aborted before. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** A signal that aborts with a `TimeoutError` after `ms`, or with the reason of `parent`. */
  deadline(ms: number, parent?: AbortSignal): AbortSignal;
  /**
   * Registers work in flight outside the clock's view (a request, a commit), so that a virtual clock knows that the world
   * has not settled. Returns the promise unchanged.
   */
  track<T>(work: Promise<T>): Promise<T>;
}

let formatted = { second: Number.NaN, text: "" };

/** RFC 3339 in UTC with seconds ("2025-01-01T00:00:00Z"), the form of metav1.Time. */
export function formatTime(ms: number): string {
  const second = Math.floor(ms / 1000);
  // nearly always now, of which a busy server asks a thousand times a second
  if (second !== formatted.second) formatted = { second, text: `${new Date(ms).toISOString().slice(0, 19)}Z` };
  return formatted.text;
}

/** RFC 3339 in UTC with six decimals, the form of metav1.MicroTime. */
export function formatMicroTime(ms: number): string {
  const whole = Math.floor(ms);
  const micros = String(Math.floor((ms - whole) * 1000)).padStart(3, "0");
  return `${new Date(whole).toISOString().slice(0, 23)}${micros}Z`;
}
