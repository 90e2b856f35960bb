import type { RequestInfo } from "../contracts.ts";
import type { PriorityLevel } from "./priority-level.ts";

/** What a list or watch may read. */
export interface Extent {
  readonly objects: number;
  /** Of one, on average. */
  readonly bytes: number;
}

export interface WorkEstimateOptions {
  /** By the bytes of what a list reads (SizeBasedListCostEstimate), or by the number of objects. */
  readonly bySize: boolean;
  /** Undefined: it is not known here, so others do the work. */
  extentOf(info: RequestInfo): Extent | undefined;
}

const BYTES_PER_SEAT = 100_000;
/** Answers are sent piece by piece: no more than so much is in memory for one of them. */
const MOST_BYTES = 1_000_000;
const OBJECTS_PER_SEAT = 100;
const WIDEST_BY_OBJECTS = 10;
const WIDEST_BY_SIZE = 100;

/** How many seats a request needs: one, unless it lists much. */
export function seatsFor(
  info: RequestInfo,
  level: Pick<PriorityLevel, "widest">,
  options: WorkEstimateOptions,
): number {
  if (!info.isResource || !(info.verb === "list" || (info.verb === "watch" && sendsState(info)))) return 1;
  const extent = options.extentOf(info);
  if (extent === undefined) return 1;
  const { objects, bytes } = extent;
  const asked = Number(info.query.get("limit"));
  const read = asked > 0 ? Math.min(asked, objects) : objects;
  const wanted = options.bySize ? Math.min(read * bytes, MOST_BYTES) / BYTES_PER_SEAT : objects / OBJECTS_PER_SEAT;
  const most = Math.min(level.widest ?? Number.POSITIVE_INFINITY, options.bySize ? WIDEST_BY_SIZE : WIDEST_BY_OBJECTS);
  return Math.max(1, Math.min(Math.ceil(wanted), most));
}

/** Whether a watch begins with what is there. */
function sendsState({ query }: RequestInfo): boolean {
  if (query.get("sendInitialEvents") === "true") return true;
  const version = query.get("resourceVersion") ?? "";
  return version === "" || version === "0";
}
