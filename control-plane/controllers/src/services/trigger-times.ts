import type { Pod, Service } from "@tsukube/api/types/core-v1";
import type { Key } from "@tsukube/client";

/** When the change happened that the endpoints of a Service follow, for who measures how long that takes. */
export const TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time";

interface Seen {
  readonly service: string;
  /** Of each pod's readiness, by name. */
  readonly pods: ReadonlyMap<string, string>;
}

/**
 * Tells since when the endpoints of a Service are to be others, as upstream does: a Service changes when it is made, a pod when its
 * readiness does. Of an object that changes twice between two looks only the last change is seen. Times are those of the API, which
 * compare as text.
 */
export class TriggerTimes {
  readonly #seen = new Map<Key, Seen>();

  /** @returns the first change since the last look; undefined: there was none. At the first look, when the Service was made. */
  look(key: Key, service: Service, pods: readonly Pod[]): string | undefined {
    const before = this.#seen.get(key);
    const made = service.metadata?.creationTimestamp ?? "";
    const times = new Map(pods.flatMap((pod) => entryOf(pod)));
    this.#seen.set(key, { service: made, pods: times });
    if (before === undefined) return made === "" ? undefined : made;
    let first = made > before.service ? made : undefined;
    for (const [name, time] of times)
      if (time > (before.pods.get(name) ?? "") && (first === undefined || time < first)) first = time;
    return first;
  }

  forget(key: Key): void {
    this.#seen.delete(key);
  }
}

function entryOf({ metadata, status }: Pod): readonly (readonly [name: string, time: string])[] {
  const ready = status?.conditions?.find(({ type }) => type === "Ready")?.lastTransitionTime ?? undefined;
  return ready === undefined ? [] : [[metadata?.name ?? "", ready]];
}

/** An object's annotations with the time, or without one from before. */
export function withTriggerTime(
  annotations: Readonly<Record<string, string>> | undefined,
  time: string | undefined,
): Readonly<Record<string, string>> {
  const { [TRIGGER_TIME]: _before, ...others } = annotations ?? {};
  return time === undefined ? others : { ...others, [TRIGGER_TIME]: time };
}
