import type { RuntimeContainer } from "./runtime-state.ts";

/** A container as the runtime has it, for tests: running since 20 ms after the epoch. */
export function runtimeContainer(name: string, more: Partial<RuntimeContainer> = {}): RuntimeContainer {
  return {
    id: `${name}-1`,
    name,
    state: "running",
    createdAt: 20,
    startedAt: 20,
    finishedAt: 0,
    exitCode: 0,
    reason: "",
    message: "",
    image: "",
    imageId: "",
    hash: `hash-${name}`,
    restartCount: 0,
    logPath: "",
    user: undefined,
    resources: {},
    ...more,
  };
}
