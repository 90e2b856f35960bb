import type { ObjectMeta } from "@tsukube/api/types/meta-v1";
import { INITIAL_EVENTS_END } from "./informer.ts";
import { type EventSink, ListWatch, type ListWatchDeps } from "./list-watch.ts";
import type { MetadataEvent } from "./metadata-event.ts";
import type { ResourceClient } from "./types.ts";

/**
 * Follows the metadata of all objects of a resource until the signal aborts, and keeps none of it: for who wants to know of a million objects, and
 * has to remember few. @returns when it has ended.
 */
export function followMetadata(
  resource: Pick<ResourceClient<never>, "listMetadata" | "watchMetadata">,
  sink: EventSink<MetadataEvent>,
  deps: ListWatchDeps,
  signal: AbortSignal,
): Promise<void> {
  const source = {
    watch: resource.watchMetadata.bind(resource),
    list: resource.listMetadata.bind(resource),
    revisionOf: (event: MetadataEvent) => event.text("resourceVersion"),
    isBookmark: ({ type }: MetadataEvent) => type === "BOOKMARK",
    endsState: (event: MetadataEvent) => event.type === "BOOKMARK" && isMarked(event.metadata),
  };
  return new ListWatch(source, sink, deps, signal).run();
}

function isMarked({ annotations }: ObjectMeta): boolean {
  return annotations?.[INITIAL_EVENTS_END] === "true";
}
