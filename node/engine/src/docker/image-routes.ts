import { codeOf, messageOf, TsukubeError } from "@tsukube/foundation";
import { findImage } from "../cri/image-service.ts";
import { holdersOf } from "../images/disk-holders.ts";
import type { ImageRecord } from "../images/image-store.ts";
import type { LayerProgress, TransferOptions } from "../images/image-transfer.ts";
import { formatReference, isBuiltIn, parseReference, type Reference } from "../images/reference.ts";
import { importImage } from "./commit-routes.ts";
import { isRunning } from "./containers/container-record.ts";
import type { DockerAnswer, DockerDeps, DockerRequest, Route } from "./contracts.ts";
import { Filters } from "./filters.ts";
import { publishImage, tellTags } from "./image-events.ts";
import { familiarName, imageDetails, imageHistory, imageSummary } from "./image-views.ts";
import { isTrue } from "./query-flag.ts";
import { credentialsIn } from "./registry-auth-header.ts";
import { timeIn } from "./time-in.ts";

/** List, inspect, tag, remove, pull, push, save and load. */
export function imageRoutes(deps: DockerDeps): readonly Route[] {
  return [
    { method: "GET", path: /^\/images\/json$/, handle: ({ query }) => list(deps, query) },
    { method: "GET", path: /^\/images\/why$/, handle: ({ query }) => why(deps, query.get("digest") ?? "") },
    { method: "GET", path: /^\/distribution\/(.+)\/json$/, handle: (request) => inRegistry(deps, request) },
    { method: "POST", path: /^\/images\/create$/, handle: (request) => pull(deps, request) },
    { method: "POST", path: /^\/images\/load$/, handle: (request) => load(deps, request) },
    { method: "GET", path: /^\/images\/get$/, handle: ({ query }) => save(deps, query.getAll("names")) },
    { method: "GET", path: /^\/images\/(.+)\/get$/, handle: ({ parameters }) => save(deps, parameters) },
    {
      method: "GET",
      path: /^\/images\/(.+)\/history$/,
      handle: ({ parameters }) => history(deps, parameters[0] ?? ""),
    },
    { method: "GET", path: /^\/images\/(.+)\/json$/, handle: ({ parameters }) => inspect(deps, parameters[0] ?? "") },
    { method: "POST", path: /^\/images\/(.+)\/tag$/, handle: (request) => tag(deps, request) },
    { method: "POST", path: /^\/images\/(.+)\/push$/, handle: (request) => push(deps, request) },
    { method: "DELETE", path: /^\/images\/(.+)$/, handle: (request) => remove(deps, request) },
  ];
}

function list(deps: DockerDeps, query: URLSearchParams): DockerAnswer {
  const { images, dockerContainers, clock } = deps;
  const filters = new Filters(query, ["dangling", "label", "label!", "before", "since", "reference", "until"]);
  const dangling = filters.flag("dangling");
  const createdAt = ({ created = "" }: ImageRecord): number => Date.parse(created) || 0;
  const whenMade = (filter: string, otherwise: number): number => {
    const [name] = filters.of(filter) ?? [];
    if (name === undefined) return otherwise;
    const image = images.find(name) ?? byShortId(deps, name);
    if (image === undefined) throw new TsukubeError("not-found", `No such image: ${withTag(name)}`);
    return createdAt(image);
  };
  const before = Math.min(
    whenMade("before", Number.POSITIVE_INFINITY),
    timeIn(filters.of("until")?.[0], clock.now()) ?? Number.POSITIVE_INFINITY,
  );
  const since = whenMade("since", Number.NEGATIVE_INFINITY);
  const isNamed = (name: string): boolean => filters.fits("reference", (wanted) => fitsReference(name, wanted));
  const shown = images.all.filter(
    (image) =>
      (filters.of("reference") === undefined || image.names.some(isNamed)) &&
      createdAt(image) < before &&
      createdAt(image) > since &&
      filters.fitsLabels(image.config.Labels) &&
      (dangling === undefined || dangling === (image.names.length === 0)),
  );
  const newest = [...shown].sort((a, b) => createdAt(b) - createdAt(a));
  const users = (id: string): number => dockerContainers.store.all.filter(({ imageId }) => imageId === id).length;
  const summary = (image: ImageRecord) => imageSummary({ ...image, names: image.names.filter(isNamed) });
  return { status: 200, json: newest.map((image) => ({ ...summary(image), Containers: users(image.id) })) };
}

/** An extension of ours: who holds content on the disk. */
function why({ images, builder, dockerContainers }: DockerDeps, digest: string): DockerAnswer {
  const named = images.all.map((image) => ({ ...image, names: image.names.map(familiarName) }));
  return {
    status: 200,
    json: holdersOf(digest, { images: named, steps: builder.cached, containers: dockerContainers.store.all }),
  };
}

function fitsReference(name: string, wanted: string): boolean {
  const familiar = familiarName(name);
  const pattern = new RegExp(`^${wanted.replaceAll(/[.+?^$()|[\]{}\\]/g, "\\$&").replaceAll("*", "[^/]*")}$`);
  return pattern.test(familiar) || pattern.test(familiar.replace(/:[^:/]*$/, "")) || pattern.test(name);
}

export async function foundImage(deps: DockerDeps, name: string): Promise<ImageRecord> {
  const image = (await findImage(deps, name)) ?? byShortId(deps, name);
  if (image === undefined) throw new TsukubeError("not-found", `No such image: ${withTag(name)}`);
  return image;
}

/** As docker names what it looked for. */
function withTag(name: string): string {
  return /^[0-9a-f]{64}$|[:@][^/]*$/.test(name) ? name : `${name}:latest`;
}

/** The first digits of an id, where only one image has them. */
function byShortId({ images }: DockerDeps, name: string): ImageRecord | undefined {
  const digits = name.replace(/^sha256:/, "");
  if (!/^[0-9a-f]{4,64}$/.test(digits)) return undefined;
  const fitting = images.all.filter(({ id }) => id.startsWith(`sha256:${digits}`));
  return fitting.length === 1 ? fitting[0] : undefined;
}

async function inspect(deps: DockerDeps, name: string): Promise<DockerAnswer> {
  return { status: 200, json: imageDetails(await foundImage(deps, name)) };
}

async function history(deps: DockerDeps, name: string): Promise<DockerAnswer> {
  return { status: 200, json: imageHistory(await foundImage(deps, name), (diffId) => deps.images.layers.get(diffId)) };
}

async function tag(deps: DockerDeps, { parameters, query }: DockerRequest): Promise<DockerAnswer> {
  const image = await foundImage(deps, parameters[0] ?? "");
  const name = formatReference(parseReference(`${query.get("repo") ?? ""}:${query.get("tag") || "latest"}`));
  await deps.images.name(image.id, [name]);
  tellTags(deps, image.id, [name]);
  return { status: 201 };
}

async function remove(deps: DockerDeps, { parameters, query }: DockerRequest): Promise<DockerAnswer> {
  const [name = ""] = parameters;
  const image = await foundImage(deps, name);
  const whole = image.names.find((known) => known === name || familiarName(known) === familiarName(wholeOf(name)));
  const untagged = whole ?? (image.names.length === 1 ? image.names[0] : undefined);
  const left = image.names.filter((known) => known !== untagged);
  if (whole !== undefined && left.length > 0) {
    await deps.images.untag(image.id, whole);
    publishImage(deps.events, "untag", image, whole);
    return { status: 200, json: [{ Untagged: familiarName(whole) }] };
  }
  const force = isTrue(query.get("force"));
  const user = deps.dockerContainers.store.all.find(
    ({ imageId, mounts }) => imageId === image.id || mounts.some((mount) => mount.image?.id === image.id),
  );
  if (user !== undefined) {
    const [container, shown] = [user.id.slice(0, 12), image.id.slice(7, 19)];
    if (!force)
      throw new TsukubeError(
        "in-use",
        `conflict: unable to remove repository reference "${name}" (must force) - container ${container} is using its referenced image ${shown}`,
      );
    if (isRunning(user))
      throw new TsukubeError(
        "in-use",
        `conflict: unable to delete ${shown} (cannot be forced) - image is being used by running container ${container}`,
      );
    for (const known of image.names) {
      await deps.images.untag(image.id, known); // the container keeps it
      publishImage(deps.events, "untag", image, known);
    }
    return { status: 200, json: image.names.map((known) => ({ Untagged: familiarName(known) })) };
  }
  if (left.length > 0 && !force) {
    const tags = image.names.map(familiarName).join(", ");
    throw new TsukubeError("in-use", `Cannot remove image "${name}": it has the names ${tags}, expected one or force`);
  }
  await deps.images.remove(image.id, ({ id }) => {
    if (!deps.inUse().has(id)) return false;
    throw new TsukubeError("in-use", `Cannot remove image "${name}": a container uses it, expected it to be unused`);
  });
  for (const known of image.names) publishImage(deps.events, "untag", image, known);
  await deps.garbage.collect();
  publishImage(deps.events, "delete", image);
  const names = image.names.map((known) => ({ Untagged: familiarName(known) }));
  return { status: 200, json: [...names, { Deleted: image.id }] };
}

function wholeOf(name: string): string {
  try {
    return formatReference(parseReference(name));
  } catch {
    return name;
  }
}

/** What a name stands for elsewhere, before it is pulled. */
async function inRegistry({ transfer }: DockerDeps, request: DockerRequest): Promise<DockerAnswer> {
  const reference = parseReference(request.parameters[0] ?? "");
  const { descriptor, platforms } = await transfer.describe(reference, transferOptions(request));
  return { status: 200, json: { Descriptor: descriptor, Platforms: platforms } };
}

function pull(deps: DockerDeps, request: DockerRequest): DockerAnswer {
  const { query } = request;
  const source = query.get("fromImage");
  if (source === null || source === "") return importImage(deps, request);
  const wanted = query.get("tag") ?? "";
  const name = wanted === "" ? source : wanted.includes(":") ? `${source}@${wanted}` : `${source}:${wanted}`;
  const reference = parseReference(name);
  return {
    async messages(send) {
      if (!namesAll(name) || isBuiltIn(reference)) return pullOne(deps, request, reference, send);
      const tags = await toldAsMissing(deps.transfer.tags(reference, transferOptions(request)));
      for (const tag of tags) await pullOne(deps, request, { ...reference, tag }, send);
    },
  };
}

async function pullOne(
  deps: DockerDeps,
  request: DockerRequest,
  reference: Reference,
  send: (message: object) => void,
): Promise<void> {
  const name = formatReference(reference);
  const shown = familiarName(name);
  const platform = request.query.get("platform") ?? "";
  const begin = once(() =>
    send({ status: `Pulling from ${reference.repository}`, id: reference.tag ?? reference.digest ?? "latest" }),
  );
  const before = deps.images.find(name)?.id;
  let isNewer = false;
  if (isBuiltIn(reference)) {
    await foundImage(deps, name);
  } else {
    const pulling = deps.transfer.pull(reference, {
      ...transferOptions(request),
      ...(platform === "" ? {} : { platform }),
      onProgress: (progress) => {
        begin(); // not before the registry has answered: a refusal has a status of its own
        send(progressMessage(progress));
      },
    });
    const { image, digest } = await toldAsMissing(pulling);
    begin();
    isNewer = image.id !== before;
    send({ status: `Digest: ${digest}` });
  }
  begin();
  deps.events.publish("image", "pull", shown, { name: shown });
  const outcome = isNewer ? "Downloaded newer image" : "Image is up to date";
  send({ status: `Status: ${outcome} for ${shown}` });
}

/** With 401 a client would ask whoever sits there for a password; dockerd says that there is no such image. */
function toldAsMissing<T>(work: Promise<T>): Promise<T> {
  return work.catch((cause: unknown) => {
    if (codeOf(cause) !== "unauthorized") throw cause;
    throw new TsukubeError("not-found", messageOf(cause), { cause });
  });
}

function transferOptions(request: DockerRequest): TransferOptions {
  return { credentials: credentialsIn(request.header("X-Registry-Auth")), signal: request.signal };
}

/** A name without tag and digest stands for every tag where images are pulled and pushed. */
function namesAll(name: string): boolean {
  return !/[:@][^/]*$/.test(name);
}

function push(deps: DockerDeps, request: DockerRequest): DockerAnswer {
  const tagged = request.query.get("tag") ?? "";
  const name = tagged === "" ? (request.parameters[0] ?? "") : `${request.parameters[0]}:${tagged}`;
  const repository = withoutTag(formatReference(parseReference(name)));
  return {
    async messages(send) {
      send({ status: `The push refers to repository [${repository}]` });
      const tags = deps.images.all.flatMap(({ names }) => names.filter((each) => withoutTag(each) === repository));
      const names = namesAll(name) ? tags.sort() : (await findImage(deps, name)) === undefined ? [] : [name];
      if (names.length === 0)
        throw new TsukubeError(
          "not-found",
          `An image does not exist locally with the tag: ${familiarName(withoutTag(name))}`,
        );
      for (const each of names) await pushOne(deps, request, each, send);
    },
  };
}

async function pushOne(
  deps: DockerDeps,
  request: DockerRequest,
  name: string,
  send: (message: object) => void,
): Promise<void> {
  const { digest, size } = await deps.transfer.push(name, {
    ...transferOptions(request),
    onProgress: (progress) => send(progressMessage(progress, "Pushed")),
  });
  const { tag: pushed = "latest" } = parseReference(name);
  const shown = familiarName(wholeOf(name));
  deps.events.publish("image", "push", shown, { name: shown });
  send({ status: `${pushed}: digest: ${digest} size: ${size}` });
  send({ progressDetail: {}, aux: { Tag: pushed, Digest: digest, Size: size } });
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) work();
    isDone = true;
  };
}

function withoutTag(name: string): string {
  return name.replace(/:[^:/]*$/, "");
}

const STATES: Readonly<Record<LayerProgress["state"], string>> = {
  waiting: "Waiting",
  downloading: "Downloading",
  extracting: "Extracting",
  uploading: "Pushing",
  exists: "Already exists",
  mounted: "Mounted",
  done: "Pull complete",
};

function progressMessage({ digest, state, bytes, size }: LayerProgress, done = STATES.done): object {
  const id = digest.replace("sha256:", "").slice(0, 12);
  if (state === "done") return { status: done, progressDetail: {}, id };
  if (state === "waiting" || state === "exists" || state === "mounted")
    return { status: STATES[state], progressDetail: {}, id };
  return { status: STATES[state], progressDetail: { current: bytes, total: size }, id };
}

async function save(deps: DockerDeps, asked: readonly string[]): Promise<DockerAnswer> {
  const names = asked.flatMap((name) => tagsOf(deps, name) ?? name);
  for (const name of names) {
    const image = await foundImage(deps, name); // an error before the first byte
    publishImage(deps.events, "save", image);
  }
  return { bytes: deps.archive.save(names), type: "application/x-tar" };
}

/** Every name that a repository has here; undefined for what is no repository. */
function tagsOf({ images }: DockerDeps, name: string): readonly string[] | undefined {
  if (!namesAll(name)) return undefined;
  const repository = withoutTag(wholeOf(name));
  const tags = images.all.flatMap(({ names }) => names.filter((each) => withoutTag(each) === repository));
  return tags.length === 0 ? undefined : tags;
}

function load(deps: DockerDeps, { body }: DockerRequest): DockerAnswer {
  return {
    async messages(send) {
      for (const image of await deps.archive.load(body)) {
        const names = image.names.map((name) => `Loaded image: ${familiarName(name)}\n`);
        publishImage(deps.events, "load", image);
        for (const stream of names.length > 0 ? names : [`Loaded image ID: ${image.id}\n`]) send({ stream });
      }
    },
  };
}
