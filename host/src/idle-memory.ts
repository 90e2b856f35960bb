import type { Cancel, Clock } from "@tsukube/foundation";

const LOOK_MS = 10_000;
/** Of a core, over one look: below it nobody waits for us. */
const QUIET = 0.05;
const GROWN_BYTES = 12 * 1024 * 1024;

/** What is watched of a process, and what is done about it. */
export interface IdleMemory {
  /** Resident bytes. */
  resident(): number;
  /** Microseconds of CPU used since its start. */
  cpu(): number;
  /** Gives back what is free; takes about 100 ms. */
  release(): void;
}

/**
 * V8 and malloc keep the pages that they once needed. When the process is quiet, and has grown since the last time, those go
 * back to the machine.
 */
export function releaseWhenIdle(clock: Clock, { resident, cpu, release }: IdleMemory): Cancel {
  let floor = 0;
  let before = cpu();
  const look = (): void => {
    const now = cpu();
    const isQuiet = now - before < QUIET * LOOK_MS * 1000;
    before = now;
    if (!isQuiet || resident() < floor + GROWN_BYTES) return;
    release();
    floor = resident();
    before = cpu();
  };
  return clock.every(LOOK_MS, look, { background: true });
}

/** This process, started with `--expose-gc`; `trim` then gives back what lies outside the heap. */
export function ownMemory(trim: () => void = () => {}): IdleMemory {
  return {
    resident: () => process.memoryUsage.rss(),
    cpu() {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
    release() {
      void globalThis.gc?.({ type: "major", flavor: "last-resort", execution: "sync" }); // the one that returns pooled pages
      trim();
    },
  };
}
