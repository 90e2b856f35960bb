import { TsukubeError } from "@tsukube/foundation";
import { findImage } from "../cri/image-service.ts";
import type { ImageRecord } from "../images/image-store.ts";
import type { LayerProgress } from "../images/image-transfer.ts";
import { formatReference, isBuiltIn, parseReference } from "../images/reference.ts";
import type { RegistryCredentials } from "../images/registry-auth.ts";
import type { DockerAnswer, DockerDeps, DockerRequest, Route } from "./contracts.ts";
import { familiarName, imageDetails, imageHistory, imageSummary } from "./image-views.ts";

/** List, inspect, tag, remove, pull, push, save and load. */
export function imageRoutes(deps: DockerDeps): readonly Route[] {
  return [
    { method: "GET", path: /^\/images\/json$/, handle: ({ query }) => list(deps, query) },
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

function list({ images }: DockerDeps, query: URLSearchParams): DockerAnswer {
  const filters = filtersOf(query);
  const references = filters["reference"];
  const fits = (image: ImageRecord): boolean =>
    references === undefined || image.names.some((name) => references.some((wanted) => fitsReference(name, wanted)));
  const dangling = filters["dangling"]?.includes("true");
  const shown = images.all.filter((image) => fits(image) && (dangling !== true || image.names.length === 0));
  const newest = [...shown].sort((a, b) => imageSummary(b).Created - imageSummary(a).Created);
  return { status: 200, json: newest.map(imageSummary) };
}

/** Both forms of clients: {"label":["a"]} and {"label":{"a":true}}. */
function filtersOf(query: URLSearchParams): Readonly<Record<string, readonly string[] | undefined>> {
  const text = query.get("filters");
  if (text === null || text === "") return {};
  let parsed: Readonly<Record<string, readonly string[] | Readonly<Record<string, boolean>>>>;
  try {
    parsed = JSON.parse(text) as typeof parsed;
  } catch {
    throw new TsukubeError("invalid", `Cannot read the filters ${text}: expected a JSON object`);
  }
  return Object.fromEntries(
    Object.entries(parsed).map(([name, value]) => [name, Array.isArray(value) ? value : Object.keys(value)]),
  );
}

function fitsReference(name: string, wanted: string): boolean {
  const familiar = familiarName(name);
  const pattern = new RegExp(`^${wanted.replaceAll(/[.+?^$()|[\]{}\\]/g, "\\$&").replaceAll("*", "[^/]*")}$`);
  return pattern.test(familiar) || pattern.test(familiar.replace(/:[^:/]*$/, "")) || pattern.test(name);
}

async function found(deps: DockerDeps, name: string): Promise<ImageRecord> {
  const image = (await findImage(deps, name)) ?? byShortId(deps, name);
  if (image === undefined) throw new TsukubeError("not-found", `No such image: ${name}`);
  return image;
}

/** The first digits of an id, where only one image has them. */
function byShortId({ images }: DockerDeps, name: string): ImageRecord | undefined {
  const digits = name.replace(/^sha256:/, "");
  if (!/^[0-9a-f]{4,64}$/.test(digits)) return undefined;
  const fitting = images.all.filter(({ id }) => id.startsWith(`sha256:${digits}`));
  return fitting.length === 1 ? fitting[0] : undefined;
}

async function inspect(deps: DockerDeps, name: string): Promise<DockerAnswer> {
  return { status: 200, json: imageDetails(await found(deps, name)) };
}

async function history(deps: DockerDeps, name: string): Promise<DockerAnswer> {
  return { status: 200, json: imageHistory(await found(deps, name), (diffId) => deps.images.layers.get(diffId)) };
}

async function tag(deps: DockerDeps, { parameters, query }: DockerRequest): Promise<DockerAnswer> {
  const image = await found(deps, parameters[0] ?? "");
  const name = formatReference(parseReference(`${query.get("repo") ?? ""}:${query.get("tag") || "latest"}`));
  await deps.images.put({ ...image, names: [...image.names, name] });
  return { status: 201 };
}

async function remove(deps: DockerDeps, { parameters, query }: DockerRequest): Promise<DockerAnswer> {
  const [name = ""] = parameters;
  const image = await found(deps, name);
  const whole = image.names.find((known) => known === name || familiarName(known) === familiarName(wholeOf(name)));
  const untagged = whole ?? (image.names.length === 1 ? image.names[0] : undefined);
  const left = image.names.filter((known) => known !== untagged);
  if (whole !== undefined && left.length > 0) {
    await deps.images.untag(image.id, whole);
    return { status: 200, json: [{ Untagged: familiarName(whole) }] };
  }
  const force = query.get("force") === "1" || query.get("force") === "true";
  if (deps.inUse().has(image.id))
    throw new TsukubeError("in-use", `Cannot remove image "${name}": a container uses it, expected it to be unused`);
  if (left.length > 0 && !force) {
    const tags = image.names.map(familiarName).join(", ");
    throw new TsukubeError("in-use", `Cannot remove image "${name}": it has the names ${tags}, expected one or force`);
  }
  await deps.images.remove(image.id);
  await deps.garbage.collect();
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

function pull(deps: DockerDeps, request: DockerRequest): DockerAnswer {
  const { query } = request;
  const source = query.get("fromImage");
  if (source === null || source === "") {
    throw new TsukubeError(
      "unsupported",
      "Cannot import an archive as a layer: not there yet, expected fromImage; load an image instead",
    );
  }
  const wanted = query.get("tag") ?? "";
  const name = wanted === "" ? source : wanted.includes(":") ? `${source}@${wanted}` : `${source}:${wanted}`;
  const reference = parseReference(name);
  const platform = query.get("platform") ?? "";
  return {
    async messages(send) {
      send({ status: `Pulling from ${reference.repository}`, id: reference.tag ?? reference.digest ?? "latest" });
      if (isBuiltIn(reference)) {
        await found(deps, name);
      } else {
        await deps.transfer.pull(reference, {
          ...credentialsOf(request),
          ...(platform === "" ? {} : { platform }),
          signal: request.signal,
          onProgress: (progress) => send(progressMessage(progress)),
        });
      }
      send({ status: `Status: Image is up to date for ${familiarName(formatReference(reference))}` });
    },
  };
}

function push(deps: DockerDeps, request: DockerRequest): DockerAnswer {
  const tagged = request.query.get("tag") ?? "";
  const name = tagged === "" ? (request.parameters[0] ?? "") : `${request.parameters[0]}:${tagged}`;
  return {
    async messages(send) {
      const image = await found(deps, name);
      send({ status: `The push refers to repository [${familiarName(wholeOf(name)).replace(/:[^:/]*$/, "")}]` });
      const { digest } = await deps.transfer.push(name, {
        ...credentialsOf(request),
        signal: request.signal,
        onProgress: (progress) => send(progressMessage(progress, "Pushed")),
      });
      const { tag: pushed = "latest" } = parseReference(name);
      send({ status: `${pushed}: digest: ${digest} size: ${image.sizeBytes}` });
    },
  };
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

/** X-Registry-Auth: base64 of JSON, `e30=` when there is none. */
function credentialsOf(request: DockerRequest): { credentials?: RegistryCredentials } {
  const header = request.header("X-Registry-Auth");
  if (header === undefined) return {};
  try {
    const auth = JSON.parse(Buffer.from(header, "base64").toString("utf8")) as RegistryCredentials;
    return Object.keys(auth).length === 0 ? {} : { credentials: auth };
  } catch {
    throw new TsukubeError("invalid", "Cannot read the header X-Registry-Auth: expected base64 of JSON");
  }
}

async function save(deps: DockerDeps, names: readonly string[]): Promise<DockerAnswer> {
  for (const name of names) await found(deps, name); // an error before the first byte
  return { bytes: deps.archive.save(names), type: "application/x-tar" };
}

function load(deps: DockerDeps, { body }: DockerRequest): DockerAnswer {
  return {
    async messages(send) {
      for (const image of await deps.archive.load(body)) {
        const names = image.names.map((name) => `Loaded image: ${familiarName(name)}\n`);
        for (const stream of names.length > 0 ? names : [`Loaded image ID: ${image.id}\n`]) send({ stream });
      }
    },
  };
}
