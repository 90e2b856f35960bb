import type { Pod } from "@tsukube/api/types/core-v1";
import type { GracePeriod } from "./grace-period.ts";
import { runHook } from "./lifecycle-hooks.ts";
import { containerNamed, sidecarsOf } from "./pod-containers.ts";
import type { PodContext } from "./pod-context.ts";
import type { RuntimeContainer } from "./runtime-state.ts";

/** Even after a hook that used up all the time a container has so long to end by itself. */
const LEAST_SECONDS = 2;

/** Ends containers: preStop hook, signal, grace, SIGKILL. */
export class ContainerStopper {
  readonly #context: PodContext;

  constructor(context: PodContext) {
    this.#context = context;
  }

  /** @param turn What has to have ended before; the hook runs without waiting for it. */
  async stop(
    pod: Pod,
    container: RuntimeContainer,
    grace: GracePeriod,
    message = `Stopping container ${container.name}`,
    turn?: Promise<unknown>,
  ): Promise<void> {
    const { cri, prober } = this.#context;
    const hasGrace = grace.seconds > 0;
    if (container.state === "running") {
      this.#context.event(pod, "Normal", "Killing", message, container.name);
      if (hasGrace) await this.#preStop(pod, container, grace);
      if (turn !== undefined) await grace.within(turn);
      const stop = async (): Promise<void> => {
        const timeout = hasGrace ? Math.max(grace.seconds, LEAST_SECONDS) : 0;
        await cri.runtime.StopContainer({ containerId: container.id, timeout });
      };
      const hurry = grace.onShortened(() => {
        void cri.runtime.StopContainer({ containerId: container.id, timeout: grace.seconds }).catch(() => {});
      });
      await stop().finally(hurry);
    }
    prober.forget(container.id);
  }

  /** Ends what runs of a pod: sidecars after all others, the last one first. */
  async stopAll(pod: Pod, containers: readonly RuntimeContainer[], grace: GracePeriod): Promise<void> {
    const sidecars = sidecarsOf(pod).map(({ name }) => name);
    const running = containers.filter(({ state }) => state === "running");
    const others = running.filter(({ name }) => !sidecars.includes(name));
    const work: Promise<void>[] = others.map((container) => this.stop(pod, container, grace));
    const rank = ({ name }: RuntimeContainer): number => sidecars.indexOf(name);
    for (const container of running.filter(({ name }) => sidecars.includes(name)).sort((a, b) => rank(b) - rank(a)))
      work.push(this.stop(pod, container, grace, undefined, Promise.allSettled([...work])));
    await Promise.all(work);
  }

  async #preStop(pod: Pod, container: RuntimeContainer, grace: GracePeriod): Promise<void> {
    const spec = containerNamed(pod, container.name);
    const hook = spec?.lifecycle?.preStop;
    if (spec === undefined || hook === undefined) return;
    const { cri, options } = this.#context;
    const podIp = pod.spec?.hostNetwork === true ? options.addresses[0] : pod.status?.podIP;
    const target = { pod, container: spec, containerId: container.id, podIp: podIp ?? "" };
    const work = runHook(hook, target, { cri, clock: options.clock }, grace.signal, grace.seconds).then((result) => {
      if (!result.ok) this.#context.event(pod, "Warning", "FailedPreStopHook", "PreStopHook failed", container.name);
    });
    await grace.within(work);
  }
}
