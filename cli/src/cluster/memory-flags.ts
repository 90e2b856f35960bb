/**
 * V8 collects whenever 64 MB of buffers came, however few are left and however large the heap is. Counted with the heap they may grow as
 * it may: a list of 100 MB takes a quarter of the CPU, a write three quarters, a pull of an image two thirds, at a peak a third higher.
 */
const BUFFERS = "--external-memory-accounted-in-global-limit";

/**
 * How the processes use memory. They give back at rest what they needed under load. The node's young generation is half of the usual
 * size, and the engine's a quarter: they live beside what they run.
 */
export const MEMORY_FLAGS = {
  server: ["--expose-gc", BUFFERS],
  node: ["--max-semi-space-size=8", "--expose-gc", BUFFERS],
  engine: ["--max-semi-space-size=4", BUFFERS],
} as const satisfies Readonly<Record<string, readonly string[]>>;
