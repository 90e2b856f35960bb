import { TsukubeError } from "@tsukube/foundation";
import { diskUsage } from "@tsukube/kernel";
import { time } from "./containers/container-views.ts";
import type { DockerAnswer, DockerDeps, DockerRequest, Route } from "./contracts.ts";
import type { Fields } from "./document-shape.ts";
import { Filters, matchesText } from "./filters.ts";
import { isTrue } from "./query-flag.ts";
import type { Volume } from "./volumes/volume-store.ts";

interface CreateVolume {
  readonly Name?: string;
  readonly Driver?: string;
  readonly DriverOpts?: Readonly<Record<string, string>> | null;
  readonly Labels?: Readonly<Record<string, string>> | null;
}

const CREATE_FIELDS: Fields<CreateVolume> = {
  Name: "string",
  Driver: "string",
  DriverOpts: { tableOf: "string" },
  Labels: { tableOf: "string" },
};

/** Create, list, inspect, remove and prune volumes of the local driver. */
export function volumeRoutes(deps: DockerDeps): readonly Route[] {
  return [
    { method: "GET", path: /^\/volumes$/, handle: ({ query }) => list(deps, query) },
    { method: "POST", path: /^\/volumes\/create$/, handle: (request) => create(deps, request) },
    { method: "POST", path: /^\/volumes\/prune$/, handle: ({ query }) => prune(deps, query) },
    {
      method: "GET",
      path: /^\/volumes\/([^/]+)$/,
      handle: ({ parameters }) => ({ status: 200, json: volumeDetails(deps, deps.volumes.get(parameters[0] ?? "")) }),
    },
    { method: "DELETE", path: /^\/volumes\/([^/]+)$/, handle: (request) => remove(deps, request) },
  ];
}

export function volumeDetails({ volumes }: DockerDeps, { name, createdAt, labels, options, isAnonymous }: Volume) {
  return {
    CreatedAt: time(createdAt).replace(/\.\d+Z$/, "Z"),
    Driver: "local",
    Labels: isAnonymous
      ? { "com.docker.volume.anonymous": "", ...labels }
      : Object.keys(labels).length === 0
        ? null
        : labels,
    Mountpoint: volumes.mountpoint(name),
    Name: name,
    Options: Object.keys(options).length === 0 ? null : options,
    Scope: "local",
  };
}

function list(deps: DockerDeps, query: URLSearchParams): DockerAnswer {
  const filters = new Filters(query, ["dangling", "driver", "label", "label!", "name"]);
  const dangling = filters.flag("dangling");
  const users = deps.dockerContainers.volumeUsers;
  const shown = deps.volumes.all.filter(
    (volume) =>
      filters.fits("name", (wanted) => matchesText(volume.name, wanted)) &&
      filters.fits("driver", (wanted) => wanted === "local") &&
      filters.fitsLabels(volume.labels) &&
      (dangling === undefined || dangling !== users.has(volume.name)),
  );
  return { status: 200, json: { Volumes: shown.map((volume) => volumeDetails(deps, volume)), Warnings: null } };
}

async function create(deps: DockerDeps, request: DockerRequest): Promise<DockerAnswer> {
  const { Name = "", Driver = "local", DriverOpts, Labels } = await request.json<CreateVolume>(CREATE_FIELDS);
  if (Driver !== "local" && Driver !== "")
    throw new TsukubeError(
      "not-found",
      `create ${Name}: error looking up volume plugin ${Driver}: plugin "${Driver}" not found`,
    );
  const known = Name === "" ? undefined : deps.volumes.find(Name);
  const volume = await deps.volumes.create({
    ...(Name === "" ? {} : { name: Name }),
    labels: Labels ?? {},
    options: DriverOpts ?? {},
  });
  if (known === undefined) deps.events.publish("volume", "create", volume.name, { driver: "local" });
  return { status: 201, json: volumeDetails(deps, volume) };
}

async function remove(deps: DockerDeps, { parameters, query }: DockerRequest): Promise<DockerAnswer> {
  const [name = ""] = parameters;
  if (deps.volumes.find(name) === undefined && isTrue(query.get("force"))) return { status: 204 };
  await deps.volumes.remove(name, () => {
    const users = deps.dockerContainers.volumeUsers.get(name) ?? [];
    if (users.length === 0) return false;
    throw new TsukubeError("conflict", `remove ${name}: volume is in use - [${users.join(", ")}]`);
  });
  deps.events.publish("volume", "destroy", name, { driver: "local" });
  return { status: 204 };
}

/** Anonymous ones that nobody mounts; with the filter `all` named ones, too. */
async function prune(deps: DockerDeps, query: URLSearchParams): Promise<DockerAnswer> {
  const filters = new Filters(query, ["all", "label", "label!"]);
  const all = filters.flag("all") === true;
  const isUsed = (name: string): boolean => deps.dockerContainers.volumeUsers.has(name);
  const unused = deps.volumes.all.filter(
    (volume) => !isUsed(volume.name) && (all || volume.isAnonymous) && filters.fitsLabels(volume.labels),
  );
  const VolumesDeleted: string[] = [];
  let SpaceReclaimed = 0;
  for (const { name } of unused) {
    const bytes = await diskUsage(deps.volumes.mountpoint(name));
    const isGone = deps.volumes.find(name) !== undefined && (await deps.volumes.remove(name, isUsed));
    if (!isGone) continue; // somebody came to use it, or removed it
    VolumesDeleted.push(name);
    SpaceReclaimed += bytes;
    deps.events.publish("volume", "destroy", name, { driver: "local" });
  }
  deps.events.publish("volume", "prune", "", { reclaimed: String(SpaceReclaimed) });
  return { status: 200, json: { VolumesDeleted, SpaceReclaimed } };
}
