import { TsukubeError } from "@tsukube/foundation";
import { isBuiltOn } from "../images/image-ancestry.ts";
import { OWN_PLATFORM } from "../images/platform.ts";
import { statsStream } from "./container-stats.ts";
import { publishOf } from "./containers/container-events.ts";
import { DEFAULT_NETWORK, type DockerContainer, isRunning } from "./containers/container-record.ts";
import { ignoredWishes } from "./containers/container-spec.ts";
import { containerDetails, containerSummary, type ViewDeps } from "./containers/container-views.ts";
import { CREATE_FIELDS, HOST_FIELDS } from "./containers/document-fields.ts";
import type { CreateDocument, HostConfigDocument } from "./containers/documents.ts";
import type { WaitCondition } from "./containers/end-waiters.ts";
import { linkNames } from "./containers/links.ts";
import type { DockerAnswer, DockerDeps, DockerRequest, Route } from "./contracts.ts";
import { Filters, matchesText } from "./filters.ts";
import { connectClient, keysOf } from "./hijack.ts";
import { foundImage } from "./image-routes.ts";
import { readLog } from "./log-file.ts";
import { listProcesses } from "./process-list.ts";
import { isTrue } from "./query-flag.ts";
import { frame, MULTIPLEXED, RAW } from "./stream-frames.ts";
import { LONGEST_WAIT_MS, nanosecondsIn } from "./time-in.ts";

/** What Docker's clients do with containers; their files and commands are routes of their own. */
export function containerRoutes(deps: DockerDeps): readonly Route[] {
  const { dockerContainers: containers } = deps;
  const post = (
    what: string,
    handle: (name: string, request: DockerRequest) => Promise<DockerAnswer> | DockerAnswer,
  ): Route => ({
    method: "POST",
    path: new RegExp(`^/containers/([^/]+)/${what}$`),
    handle: (request) => handle(request.parameters[0] ?? "", request),
  });
  const get = (
    what: string,
    handle: (name: string, request: DockerRequest) => Promise<DockerAnswer> | DockerAnswer,
  ): Route => ({
    ...post(what, handle),
    method: "GET",
  });
  const DONE: DockerAnswer = { status: 204 };
  const UNCHANGED: DockerAnswer = { status: 304 };
  return [
    { method: "GET", path: /^\/containers\/json$/, handle: ({ query }) => list(deps, query) },
    { method: "POST", path: /^\/containers\/create$/, handle: (request) => create(deps, request) },
    get("json", (name, { query }) => inspect(deps, name, isTrue(query.get("size")))),
    get("top", (name, { query }) => top(deps, name, query.get("ps_args") || "-ef")),
    get("logs", (name, request) => logs(deps, name, request)),
    get("stats", (name, request) => statsStream(deps, containers.store.get(name), request)),
    post("start", async (name) => ((await containers.start(name)) ? DONE : UNCHANGED)),
    post("stop", async (name, { query }) =>
      (await containers.stop(name, query.get("signal") ?? undefined, secondsOf(query))) ? DONE : UNCHANGED,
    ),
    post("restart", async (name, { query }) => {
      await containers.restart(name, query.get("signal") ?? undefined, secondsOf(query));
      return DONE;
    }),
    post("kill", async (name, { query }) => {
      await containers.kill(name, query.get("signal") || "SIGKILL");
      return DONE;
    }),
    post("pause", async (name) => {
      await containers.pause(name);
      return DONE;
    }),
    post("unpause", async (name) => {
      await containers.unpause(name);
      return DONE;
    }),
    post("rename", async (name, { query }) => {
      await containers.rename(name, query.get("name") ?? "");
      return DONE;
    }),
    post("update", async (name, request) => {
      await containers.update(name, await request.json<HostConfigDocument>(HOST_FIELDS));
      return { status: 200, json: { Warnings: null } };
    }),
    post("resize", (name, request) => resize(deps, name, request)),
    post("wait", (name, request) => wait(deps, name, request)),
    post("attach", (name, request) => attach(deps, name, request)),
    get("attach/ws", (name, request) => {
      if (request.header("upgrade")?.toLowerCase() !== "websocket")
        throw new TsukubeError("invalid", "cannot attach: not a WebSocket, expected the header Upgrade: websocket");
      return attach(deps, name, request, true);
    }),
    { method: "DELETE", path: /^\/containers\/([^/]+)$/, handle: (request) => remove(deps, request) },
    { method: "DELETE", path: /^\/containers\/([^/]+\/[^/]+)$/, handle: (request) => remove(deps, request) }, // a link
  ];
}

export function viewDeps(deps: DockerDeps): ViewDeps {
  const { networks, runs, execs, logPath, cgroups, snapshotter } = deps;
  const { store } = deps.dockerContainers;
  return {
    find: (name) => store.find(name),
    linkNames: linkNames(store.all),
    ...(networks === undefined ? {} : { networks }),
    run: (id) => runs.find(id),
    execIds: (id) => execs.runningIn(id),
    logPath,
    etc: (id) => runs.sandbox(id)?.files ?? "",
    driver: snapshotter.driver,
    cgroupns: cgroups.version === 1 ? "host" : "private",
  };
}

async function create(deps: DockerDeps, request: DockerRequest): Promise<DockerAnswer> {
  const asked = await request.json<CreateDocument>(CREATE_FIELDS);
  const isDefault = ["", "default"].includes(asked.HostConfig?.NetworkMode ?? "");
  const isUnconnected = deps.isRootless && isDefault && deps.networks?.find(DEFAULT_NETWORK) === undefined;
  const wish = isUnconnected ? { ...asked, HostConfig: { ...asked.HostConfig, NetworkMode: "host" } } : asked;
  if (Object.keys(asked).length === 0)
    throw new TsukubeError("invalid", "config cannot be empty in order to create a container");
  const image = await foundImage(deps, wish.Image ?? "");
  const is = `${image.os}/${image.architecture}`;
  const wanted = request.query.get("platform") ?? "";
  if (wanted !== "" && wanted.split("/").slice(0, 2).join("/") !== is) {
    const message = `image with reference ${wish.Image} was found but its platform (${is}) does not match the specified platform (${wanted})`;
    throw new TsukubeError("not-found", message); // for which clients pull it
  }
  const own = `${OWN_PLATFORM.os}/${OWN_PLATFORM.architecture}`;
  const mismatch = `The requested image's platform (${is}) does not match the detected host platform (${own}) and no specific platform was requested`;
  const name = request.query.get("name") || undefined;
  if (deps.images.find(image.id) === undefined) throw new TsukubeError("not-found", `No such image: ${wish.Image}`); // it went while it was looked for
  const container = await deps.dockerContainers.create(wish, image, name);
  const unconnected = "This engine has no networks of containers: this one has the network of the machine";
  const warnings = [
    ...(isUnconnected ? [unconnected] : []),
    ...(wanted === "" && is !== own ? [mismatch] : []),
    ...ignoredWishes(wish.HostConfig ?? {}, deps.cgroups.version),
  ];
  return { status: 201, json: { Id: container.id, Warnings: warnings } };
}

async function inspect(deps: DockerDeps, name: string, withSize: boolean): Promise<DockerAnswer> {
  const container = deps.dockerContainers.store.get(name);
  const size = withSize ? await sizeOf(deps, container) : undefined;
  return { status: 200, json: containerDetails(container, viewDeps(deps), size) };
}

async function sizeOf({ snapshotter, images }: DockerDeps, { id, imageId }: DockerContainer) {
  const rw = await snapshotter.writtenBytes(id);
  return { rw, rootFs: rw + (images.find(imageId)?.sizeBytes ?? 0) };
}

const FILTERS = [
  "ancestor",
  "before",
  "expose",
  "exited",
  "health",
  "id",
  "is-task",
  "isolation",
  "label",
  "label!",
  "name",
  "network",
  "publish",
  "since",
  "status",
  "volume",
];
/** What filters may ask for, where that is not everything. */
const FILTER_VALUES: Readonly<Record<string, RegExp>> = {
  status: /^(created|running|paused|restarting|removing|exited|dead)$/,
  health: /^(none|starting|healthy|unhealthy)$/,
  exited: /^-?\d+$/,
};

async function list(deps: DockerDeps, query: URLSearchParams): Promise<DockerAnswer> {
  const filters = new Filters(query, FILTERS);
  const limit = Number(query.get("limit") ?? 0);
  const { store } = deps.dockerContainers;
  for (const [name, values] of Object.entries(FILTER_VALUES)) {
    const unknown = filters.of(name)?.find((value) => !values.test(value));
    if (unknown !== undefined) throw new TsukubeError("invalid", `invalid value for "${name}" filter: "${unknown}"`);
  }
  const all =
    isTrue(query.get("all")) ||
    limit > 0 ||
    filters.of("status") !== undefined ||
    filters.of("exited") !== undefined ||
    filters.of("before") !== undefined ||
    filters.of("since") !== undefined;
  const bounds = {
    before: filters.of("before")?.map((name) => store.get(name).createdAt),
    since: filters.of("since")?.map((name) => store.get(name).createdAt),
  };
  const shown = store.all.filter(
    (container) =>
      (all || isRunning(container) || container.state.status === "restarting") &&
      fits(deps, container, filters) &&
      (bounds.before?.some((at) => container.createdAt < at) ?? true) &&
      (bounds.since?.some((at) => container.createdAt > at) ?? true),
  );
  const views = viewDeps(deps);
  const limited = limit > 0 ? shown.slice(0, limit) : shown;
  const sizes = isTrue(query.get("size"));
  const now = deps.clock.now();
  return {
    status: 200,
    json: await Promise.all(
      limited.map(async (container) =>
        containerSummary(container, views, now, sizes ? await sizeOf(deps, container) : undefined),
      ),
    ),
  };
}

function fits(deps: DockerDeps, container: DockerContainer, filters: Filters): boolean {
  const { id, name, config, state, imageName, imageId, mounts, endpoints } = container;
  const published = deps.networks?.published(id) ?? [];
  const ofPort = (wanted: string, port: number, protocol: string): boolean => {
    const [range = "", kind = "tcp"] = wanted.split("/");
    const [first = 0, last = first] = range.split("-").map(Number);
    return port >= first && port <= last && kind === protocol;
  };
  return (
    filters.fitsLabels(config.Labels) &&
    filters.fits("id", (wanted) => id.startsWith(wanted)) &&
    filters.fits("name", (wanted) => matchesText(`/${name}`, wanted) || matchesText(name, wanted)) &&
    filters.fits("status", (wanted) => wanted === state.status) &&
    filters.fits(
      "exited",
      (wanted) => Number(wanted) === state.exitCode && state.finishedAt !== undefined && !isRunning(container),
    ) &&
    filters.fits("ancestor", (wanted) => imageName === wanted || comesFrom(deps, imageId, wanted)) &&
    filters.fits("health", (wanted) => wanted === (state.health?.status ?? "none")) &&
    filters.fits("volume", (wanted) =>
      mounts.some((mount) => mount.name === wanted || mount.destination === wanted || mount.source === wanted),
    ) &&
    filters.fits(
      "network",
      (wanted) =>
        Object.keys(endpoints).some(
          (each) => each === wanted || (deps.networks?.find(wanted)?.id ?? "") === deps.networks?.find(each)?.id,
        ) || container.hostConfig.NetworkMode === wanted,
    ) &&
    filters.fits("publish", (wanted) =>
      published.some(({ hostPort, protocol }) => ofPort(wanted, hostPort, protocol)),
    ) &&
    filters.fits("expose", (wanted) =>
      Object.keys(config.ExposedPorts ?? {}).some((port) =>
        ofPort(wanted, Number(port.split("/")[0]), port.split("/")[1] ?? "tcp"),
      ),
    ) &&
    filters.fits("is-task", (wanted) => wanted === "false")
  );
}

function comesFrom({ images }: DockerDeps, imageId: string, wanted: string): boolean {
  const [image, ancestor] = [images.find(imageId), images.find(wanted)];
  return image !== undefined && ancestor !== undefined && isBuiltOn(image, ancestor);
}

async function top(deps: DockerDeps, name: string, args: string): Promise<DockerAnswer> {
  const container = deps.dockerContainers.store.get(name);
  const run = deps.runs.find(container.id);
  if (!isRunning(container) || run === undefined)
    throw new TsukubeError("conflict", `container ${container.id} is not running`);
  publishOf(deps.events, "top", container);
  return { status: 200, json: await listProcesses(await deps.core.processes(run.id), args) };
}

async function resize(deps: DockerDeps, name: string, { query }: DockerRequest): Promise<DockerAnswer> {
  const container = deps.dockerContainers.store.get(name);
  if (!isRunning(container)) throw new TsukubeError("conflict", `container ${container.id} is not running`);
  const [width, height] = [Number(query.get("w") || "NaN"), Number(query.get("h") || "NaN")];
  if (Number.isNaN(width + height)) throw new TsukubeError("invalid", "invalid size: expected the numbers h and w");
  await deps.core.resize(container.id, width, height);
  publishOf(deps.events, "resize", container, { height: String(height), width: String(width) });
  return { status: 200 };
}

function wait(deps: DockerDeps, name: string, { query, signal }: DockerRequest): DockerAnswer {
  const condition = query.get("condition") || "not-running";
  if (!["not-running", "next-exit", "removed"].includes(condition))
    throw new TsukubeError("invalid", `invalid condition: "${condition}"`);
  const ended = deps.dockerContainers.wait(name, condition as WaitCondition, signal);
  const later = ended.then((StatusCode) => ({ StatusCode }));
  later.catch(() => {}); // the client may be gone before it is told
  return { later };
}

/** @param isRaw Whether outputs go without frames; as those of a terminal by default. */
function attach(deps: DockerDeps, name: string, { query, signal }: DockerRequest, isRaw?: boolean): DockerAnswer {
  const { dockerContainers, clock, logPath } = deps;
  const container = dockerContainers.store.get(name);
  const { id, config } = container;
  const terminal = config.Tty === true;
  const raw = isRaw ?? terminal;
  const asked = (what: string): boolean => isTrue(query.get(what));
  const detachKeys = query.get("detachKeys") || "ctrl-p,ctrl-q";
  keysOf(detachKeys);
  const wanted = {
    stdin: asked("stdin") && config.OpenStdin === true,
    stdout: asked("stdout"),
    stderr: asked("stderr"),
    tty: terminal,
  };
  publishOf(deps.events, "attach", container);
  const process = asked("stream") ? dockerContainers.attach(id, wanted, signal) : undefined; // from here on nothing is missed
  process?.catch(() => {});
  return {
    type: raw ? RAW : MULTIPLEXED,
    async hijack(client) {
      if (asked("logs"))
        for await (const { stream, content } of readLog(logPath(id), {}, clock))
          await client.write(raw ? content : frame(stream, content));
      if (process === undefined) return client.end();
      try {
        const connected = await process;
        const outcome = await connectClient(connected, client, { terminal, raw, stdin: wanted.stdin, detachKeys });
        if (outcome !== "ended") connected.kill();
        if (outcome === "detached") publishOf(deps.events, "detach", container);
      } catch {
        client.end(); // it left before the container ran
      }
    },
  };
}

function logs(deps: DockerDeps, name: string, { query, signal }: DockerRequest): DockerAnswer {
  const { dockerContainers, clock, logPath } = deps;
  const container = dockerContainers.store.get(name);
  const terminal = container.config.Tty === true;
  const asked = (what: string): boolean => isTrue(query.get(what));
  if (!asked("stdout") && !asked("stderr"))
    throw new TsukubeError("invalid", "Bad parameters: you must choose at least one stream");
  if (container.hostConfig.LogConfig?.Type === "none")
    throw new TsukubeError("unsupported", "configured logging driver does not support reading");
  const tail = query.get("tail");
  const since = nanosecondsIn(query.get("since"));
  const until = nanosecondsIn(query.get("until"));
  const follow = asked("follow") && isRunning(container);
  const ended = (): Promise<unknown> => {
    const left = until === undefined ? Number.POSITIVE_INFINITY : Number(until / 1_000_000n) + 1 - clock.now();
    const wait = dockerContainers.wait(container.id, "not-running", signal);
    return left > LONGEST_WAIT_MS ? wait : Promise.race([wait, clock.sleep(Math.max(0, left), signal)]);
  };
  const lines = readLog(
    logPath(container.id),
    {
      ...(tail !== null && /^\d+$/.test(tail) ? { tail: Number(tail) } : {}),
      ...(since === undefined ? {} : { since }),
      ...(until === undefined ? {} : { until }),
      ...(follow ? { follow: { ended: ended(), signal } } : {}),
    },
    clock,
  );
  const timestamps = asked("timestamps");
  const details = asked("details");
  async function* bytes(): AsyncGenerator<Buffer> {
    for await (const { stream, time, content } of lines) {
      if (!asked(stream)) continue;
      const prefix = `${timestamps ? `${time} ` : ""}${details ? " " : ""}`;
      const whole = prefix === "" ? content : Buffer.concat([Buffer.from(prefix), content]);
      yield terminal ? whole : frame(stream, whole);
    }
  }
  return { bytes: bytes(), type: terminal ? RAW : MULTIPLEXED };
}

async function remove(deps: DockerDeps, { parameters, query }: DockerRequest): Promise<DockerAnswer> {
  const [name = ""] = parameters;
  if (isTrue(query.get("link"))) {
    await deps.dockerContainers.unlink(name);
    return { status: 204 };
  }
  await deps.dockerContainers.remove(name, {
    force: isTrue(query.get("force")),
    volumes: isTrue(query.get("v")),
  });
  return { status: 204 };
}

function secondsOf(query: URLSearchParams): number | undefined {
  const text = query.get("t") ?? "";
  if (!/^(-?\d+)?$/.test(text)) throw new TsukubeError("invalid", `invalid t "${text}": expected seconds`);
  return text === "" ? undefined : Number(text);
}
