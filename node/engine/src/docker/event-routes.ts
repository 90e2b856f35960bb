import { TsukubeError } from "@tsukube/foundation";
import type { DockerAnswer, DockerDeps, DockerRequest, Route } from "./contracts.ts";
import type { DockerEvent } from "./events.ts";
import { Filters } from "./filters.ts";
import { LONGEST_WAIT_MS, timeIn } from "./time-in.ts";

/** `GET /events`. */
export function eventRoutes(deps: DockerDeps): readonly Route[] {
  return [{ method: "GET", path: /^\/events$/, handle: (request) => events(deps, request) }];
}

function events({ events: all, clock }: DockerDeps, { query, signal }: DockerRequest): DockerAnswer {
  const filters = new Filters(query);
  const since = timeIn(query.get("since"));
  const until = timeIn(query.get("until"));
  if (since !== undefined && until !== undefined && since > until)
    throw new TsukubeError(
      "invalid",
      `\`since\` time (${query.get("since")}) cannot be after \`until\` time (${query.get("until")})`,
    );
  const from = since ?? (until === undefined ? undefined : 0);
  async function* lines(): AsyncGenerator<Buffer> {
    const left = until === undefined ? undefined : Math.min(Math.max(0, until - clock.now()), LONGEST_WAIT_MS);
    const end = left === undefined ? signal : AbortSignal.any([signal, clock.deadline(left)]);
    for await (const event of all.stream(from, end)) {
      if (until !== undefined && event.timeNano / 1e6 > until) return;
      if (fits(event, filters)) yield Buffer.from(`${JSON.stringify(withOldFields(event))}\n`);
    }
  }
  return { bytes: lines(), type: "application/json" };
}

function fits({ Type, Action, Actor }: DockerEvent, filters: Filters): boolean {
  const { ID, Attributes } = Actor;
  const isThat = (type: DockerEvent["Type"], wanted: string): boolean =>
    Type === type && (ID.startsWith(wanted) || Attributes["name"] === wanted.replace(/^\//, ""));
  return (
    filters.fits("type", (wanted) => wanted === Type) &&
    filters.fits("event", (wanted) => Action === wanted || Action.startsWith(`${wanted}:`)) &&
    filters.fits(
      "container",
      (wanted) => isThat("container", wanted) || Attributes["container"]?.startsWith(wanted) === true,
    ) &&
    filters.fits(
      "image",
      (wanted) => isThat("image", wanted) || (Type === "container" && Attributes["image"] === wanted),
    ) &&
    filters.fits("network", (wanted) => isThat("network", wanted)) &&
    filters.fits("volume", (wanted) => isThat("volume", wanted)) &&
    filters.fits("scope", (wanted) => wanted === "local") &&
    filters.fitsLabels(Attributes)
  );
}

/** Older clients read these of containers. */
function withOldFields(event: DockerEvent): object {
  const { Type, Action, Actor } = event;
  return Type === "container" ? { status: Action, id: Actor.ID, from: Actor.Attributes["image"], ...event } : event;
}
