import { apiVersionOf } from "@tsukube/api";
import type { Clock } from "@tsukube/foundation";
import type { PriorityLevel } from "./priority-level.ts";
import type { Seating } from "./seating.ts";

type Row = readonly (string | number | boolean)[];

/** What a debugger wants to see of the levels, sorted by name. */
export interface Dump {
  readonly levels: readonly PriorityLevel[];
  readonly clock: Clock;
  /** Of requests also what they ask for. */
  readonly details: boolean;
}

/** The texts at /debug/api_priority_and_fairness/, in upstream's columns. @returns undefined for another name. */
export function dump(name: string, about: Dump): string | undefined {
  switch (name) {
    case "dump_priority_levels":
      return aligned([LEVEL_COLUMNS, ...about.levels.map(levelRow)]);
    case "dump_queues":
      return aligned([QUEUE_COLUMNS, ...about.levels.flatMap(queueRows)]);
    case "dump_requests":
      return aligned([
        about.details ? [...REQUEST_COLUMNS, ...DETAIL_COLUMNS] : REQUEST_COLUMNS,
        ...about.levels.flatMap((level) => requestRows(level, about)),
      ]);
    default:
      return undefined;
  }
}

const LEVEL_COLUMNS = [
  ...["PriorityLevelName", "ActiveQueues", "IsIdle", "IsQuiescing", "WaitingRequests", "ExecutingRequests"],
  ...["DispatchedRequests", "RejectedRequests", "TimedoutRequests", "CancelledRequests"],
];
const QUEUE_COLUMNS = [
  ...["PriorityLevelName", "Index", "PendingRequests", "ExecutingRequests", "SeatsInUse", "NextDispatchR"],
  ...["InitialSeatsSum", "MaxSeatsSum", "TotalWorkSum"],
];
const REQUEST_COLUMNS = [
  ...["PriorityLevelName", "FlowSchemaName", "QueueIndex", "RequestIndexInQueue", "FlowDistingsher", "ArriveTime"],
  ...["InitialSeats", "FinalSeats", "AdditionalLatency", "StartTime"],
];
const DETAIL_COLUMNS = ["UserName", "Verb", "APIPath", "Namespace", "Name", "APIVersion", "Resource", "SubResource"];

/** Time of Go that was never set. */
const NEVER = "0001-01-01T00:00:00Z";

function levelRow({ name, queues, isIdle, isQuiescing, waiting, executing, counts }: PriorityLevel): Row {
  const active = [...queues].filter((queue) => queue.waiting.length > 0).length;
  const { dispatched, refused, timedOut, cancelled } = counts;
  return [name, active, isIdle, isQuiescing, waiting, executing.size, dispatched, refused, timedOut, cancelled];
}

function queueRows({ name, queues }: PriorityLevel): readonly Row[] {
  return [...queues].map((queue) => {
    const { index, waiting, executing, seatsInUse, nextStart, waitingSeats, waitingWork } = queue;
    const work = [seatSeconds(nextStart), waitingSeats, waitingSeats, seatSeconds(waitingWork)];
    return [name, index, waiting.length, executing, seatsInUse, ...work];
  });
}

function requestRows({ name, queues, executing }: PriorityLevel, about: Dump): readonly Row[] {
  const rowOf = (seating: Seating, place: number): Row => {
    const { flow, queue, distinguisher, seats, arrived, started } = seating;
    const row = [name, flow.schema, queue?.index ?? -1, place, distinguisher, timeOf(arrived, about.clock), seats, 0];
    const times = ["0s", started === undefined ? NEVER : timeOf(started, about.clock)];
    return [...row, ...times, ...(about.details ? detailsOf(seating) : [])];
  };
  const waiting = [...queues].flatMap((queue) => queue.waiting.map(rowOf));
  return [...waiting, ...[...executing].map((seating) => rowOf(seating, -1))];
}

function detailsOf({ asked: { user, info } }: Seating): Row {
  const { verb, path, namespace, name, resource, subresource } = info;
  return [user.name, verb, path, namespace, name, apiVersionOf(info), resource, subresource];
}

function timeOf(monotonic: number, clock: Clock): string {
  return new Date(clock.now() - (clock.monotonic() - monotonic)).toISOString();
}

function seatSeconds(seatMs: number): string {
  return `${(seatMs / 1000).toFixed(8)}ss`;
}

/** Columns at least eight wide, the last as it is, as Go's tabwriter sets them. */
function aligned(rows: readonly Row[]): string {
  const cells = rows.map((row) => row.map((cell, i) => (i < row.length - 1 ? `${cell},` : String(cell))));
  const widths = cells[0]!.map((_, i) => Math.max(8, ...cells.map((row) => row[i]!.length + 1)));
  return cells
    .map((row) => row.map((cell, i) => (i < row.length - 1 ? cell.padEnd(widths[i]!) : cell)).join(""))
    .join("\n")
    .concat("\n");
}
