import { mkdir } from "node:fs/promises";
import { TsukubeError } from "@tsukube/foundation";
import { removeTree } from "@tsukube/kernel";
import { contextName } from "../build/build-session.ts";
import type {
  BuildInputs,
  BuildNetwork,
  BuildProgress,
  BuildRequest,
  BuildSurroundings,
  CachePlace,
  Entitlement,
  NamedContext,
  OutputKind,
} from "../build/contracts.ts";
import { isGit, isUrl } from "../build/downloads.ts";
import { cloneSource, parseGitReference } from "../build/git-source.ts";
import { rootedPath } from "../build/rooted-path.ts";
import type { Ulimit } from "../containers/rlimits.ts";
import { decompressed } from "../images/decompressed.ts";
import { formatReference, parseReference } from "../images/reference.ts";
import { unpackLayer } from "../images/unpack.ts";
import { type ContextDocument, WaitingContexts } from "./build-contexts.ts";
import { WaitingInputs } from "./build-inputs.ts";
import { WaitingOutputs } from "./build-outputs.ts";
import type { DockerAnswer, DockerDeps, DockerRequest, Route } from "./contracts.ts";
import { tellTags } from "./image-events.ts";
import { extraHosts } from "./networks/host-files.ts";
import { isTrue } from "./query-flag.ts";
import { buildCredentialsIn } from "./registry-auth-header.ts";
import { fetchContext } from "./remote-context.ts";

/** `POST /build`, as the docker CLI sends it without buildx: the context as a tar archive, answers as lines of a console. */
export function buildRoutes(deps: DockerDeps): readonly Route[] {
  const waiting = new WaitingInputs(deps);
  const contexts = new WaitingContexts(deps);
  const outputs = new WaitingOutputs(deps);
  return [
    waiting.route(),
    contexts.route(),
    outputs.route(),
    { method: "POST", path: /^\/build$/, handle: (request) => build(deps, waiting, contexts, outputs, request) },
  ];
}

function build(
  deps: DockerDeps,
  waiting: WaitingInputs,
  waitingContexts: WaitingContexts,
  outputs: WaitingOutputs,
  request: DockerRequest,
): DockerAnswer {
  const wanted = wishes(request.query); // refused before the context is read
  const named = contextsOf(request.query);
  const output = outputIn(request.query);
  const inputs = waiting.take(request.query.get("inputs") ?? "");
  const credentials = buildCredentialsIn(request.header("X-Registry-Config"));
  return {
    async messages(send) {
      const quiet = isTrue(request.query.get("q"));
      const held: object[] = [];
      const show = quiet ? (message: object): void => void held.push(message) : send;
      const context = `${deps.uploads}/${Buffer.from(deps.random.bytes(8)).toString("hex")}`;
      await mkdir(context, { mode: 0o755 });
      const folders = [context];
      try {
        const contexts = new Map<string, NamedContext>();
        for (const { name, id, image, remote } of named) {
          const sent = id === undefined ? undefined : waitingContexts.take(id);
          const folder = sent?.path ?? `${context}-${folders.length}`;
          folders.push(folder);
          const key = contextName(name);
          if (sent !== undefined) contexts.set(key, sent.context);
          else if (image !== undefined) contexts.set(key, { image });
          else contexts.set(key, { folder: await fetched(remote ?? "", folder, request, inputs) });
        }
        const place = await fillContext(request, context, inputs);
        for (const text of unused(request.query)) show({ stream: `${text}\n` });
        const image = await deps.builder.build({
          ...wanted,
          inputs,
          credentials,
          context: place,
          contexts,
          signal: request.signal,
          onProgress: (event) => {
            for (const message of messagesOf(event)) show(message);
          },
          ...(output !== undefined && {
            output: {
              kind: output,
              take: (archive) => outputs.offer(archive, (id) => send({ aux: { Output: id } }), request.signal),
            },
          }),
        });
        if (image === undefined) return;
        const tags = wanted.names.map((name) => formatReference(parseReference(name)));
        tellTags(deps, image.id, tags);
        send({ aux: { ID: image.id } });
        if (quiet) return send({ stream: `${image.id}\n` });
        send({ stream: `Successfully built ${image.id.replace("sha256:", "").slice(0, 12)}\n` });
        for (const name of wanted.names) send({ stream: `Successfully tagged ${name}\n` });
      } catch (error) {
        for (const message of held) send(message); // what came before the failure says why
        throw error;
      } finally {
        for (const folder of folders) await removeTree(folder);
      }
    },
  };
}

/** From the request, or a repository. @returns where in the folder the context is. */
async function fillContext(request: DockerRequest, folder: string, inputs: BuildInputs): Promise<string> {
  const remote = request.query.get("remote") ?? "";
  if (isRemote(remote)) return fetched(remote, folder, request, inputs);
  await unpackLayer(decompressed(request.body), folder, "keep");
  return folder;
}

function isRemote(text: string): boolean {
  return isGit(text) || isUrl(text);
}

/** @returns where in the folder the context is. */
async function fetched(
  remote: string,
  folder: string,
  request: DockerRequest,
  { agents }: BuildInputs,
): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  if (!isGit(remote)) {
    await fetchContext(remote, folder, request.signal);
    return folder;
  }
  const agent = agents.get("default");
  const reference = parseGitReference(remote);
  await cloneSource(reference, folder, {
    keepGitFolder: false,
    signal: request.signal,
    ...(agent === undefined ? {} : { agent }),
  });
  return rootedPath(folder, reference.folder ?? "");
}

/** As the classic builder writes to a console; the stage is named where there are several. */
function messagesOf(event: BuildProgress): readonly object[] {
  if (event.kind === "note") return [{ stream: `${event.text}\n` }];
  const { number, total, text } = event.step;
  switch (event.kind) {
    case "step":
      return [{ stream: `Step ${number}/${total} : ${text}\n` }];
    case "cached":
      return [{ stream: ` ---> Using cache (step ${number})\n` }];
    case "missed":
      return [{ stream: ` ---> Running (step ${number}): ${event.why}\n` }];
    case "output":
      return [{ stream: event.text }];
  }
}

function wishes(
  query: URLSearchParams,
): Omit<BuildRequest, "context" | "contexts" | "inputs" | "credentials" | "signal" | "onProgress"> {
  const remote = query.get("remote") ?? "";
  if (remote !== "" && remote !== "client-session" && !isRemote(remote))
    throw new TsukubeError(
      "unsupported",
      `Cannot build from "${remote}": expected a git repository, the URL of an archive or a Dockerfile, or the context in the request`,
    );
  if (query.get("version") === "2") {
    throw new TsukubeError(
      "unsupported",
      'Cannot build with BuildKit\'s session protocol: not there yet, expected the classic builder; set DOCKER_BUILDKIT=0, or use "tsukube build"',
    );
  }
  const names = query.getAll("t").filter((name) => name !== "");
  for (const name of names) parseReference(name);
  if (isTrue(query.get("squash")))
    throw new TsukubeError("unsupported", 'Cannot build with "squash": not there yet, expected a build without it');
  const target = query.get("target") ?? "";
  const platform = query.get("platform") ?? "";
  return {
    names,
    dockerfile: query.get("dockerfile") || "Dockerfile",
    buildArgs: mapOf(query, "buildargs"),
    labels: mapOf(query, "labels"),
    network: networkIn(query),
    allowed: allowedIn(query),
    surroundings: surroundingsIn(query),
    noCache: isTrue(query.get("nocache")),
    pull: isTrue(query.get("pull")),
    provenance: isTrue(query.get("provenance")),
    sbom: isTrue(query.get("sbom")),
    cacheFrom: placesOf(query, "cache-from"),
    cacheTo: placesOf(query, "cache-to"),
    ...(target === "" ? {} : { target }),
    ...(platform === "" ? {} : { platform }),
  };
}

/** Of our own clients; what docker sends as `cachefrom` are images, which the cache by content makes up for. */
function placesOf(query: URLSearchParams, name: string): readonly CachePlace[] {
  return query.getAll(name).map((text) => {
    const place = JSON.parse(text) as CachePlace;
    if (place.type === "registry") parseReference(place.ref);
    return place;
  });
}

function contextsOf(query: URLSearchParams): readonly ContextDocument[] {
  return query.getAll("context").map((text) => {
    const context = JSON.parse(text) as ContextDocument;
    if (context.image !== undefined) parseReference(context.image);
    else if (context.id === undefined && !isRemote(context.remote ?? ""))
      throw new TsukubeError(
        "invalid",
        `Cannot use build context "${context.name}": expected a folder, image or repository`,
      );
    return context;
  });
}

/** Our own clients fetch what they wish with "output"; Docker's `outputs` would get it through the session of BuildKit. */
function outputIn(query: URLSearchParams): OutputKind | undefined {
  const own = query.get("output") ?? "";
  if (own !== "" && (isTrue(query.get("provenance")) || isTrue(query.get("sbom"))))
    throw new TsukubeError(
      "unsupported",
      "Cannot build with statements about an image that is not kept: they go to registries beside it, expected a build without --output",
    );
  if (own === "files" || own === "image") return own;
  if (own !== "") throw new TsukubeError("invalid", `Cannot build with output=${own}: expected files or image`);
  const [first, ...others] = outputsIn(query.get("outputs") ?? "");
  if (others.length > 0) throw new TsukubeError("invalid", "multiple outputs not supported");
  const { Type = "", Attrs } = first ?? {};
  if (Type === "cacheonly") return "none";
  const isHere =
    ["", "moby", "image", "docker"].includes(Type) && Attrs?.["dest"] === undefined && Attrs?.["push"] !== "true";
  if (isHere) return undefined;
  throw new TsukubeError(
    "unsupported",
    `Cannot build with output "${Type}": it goes through BuildKit's session, which is not there yet, expected "tsukube build --output"`,
  );
}

function outputsIn(
  text: string,
): readonly { readonly Type?: string; readonly Attrs?: Readonly<Record<string, string>> | null }[] {
  if (text === "") return [];
  try {
    const outputs: unknown = JSON.parse(text) ?? [];
    if (Array.isArray(outputs) && outputs.every((output) => typeof output === "object" && output !== null))
      return outputs;
  } catch {
    // told below
  }
  throw new TsukubeError("invalid", `Cannot read outputs=${text}: expected a list of Type and Attrs`);
}

const NETWORKS: readonly BuildNetwork[] = ["default", "none", "host"];

function networkIn(query: URLSearchParams): BuildNetwork {
  const wanted = query.get("networkmode") || "default";
  const network = NETWORKS.find((name) => name === wanted) ?? (wanted === "bridge" ? "default" : undefined);
  if (network !== undefined) return network;
  throw new TsukubeError("unsupported", `Cannot build in network "${wanted}": expected ${NETWORKS.join(", ")}`);
}

const ENTITLEMENTS: readonly Entitlement[] = ["security.insecure", "network.host"];

/** Of our own clients; Docker's classic builder has no such rights. */
function allowedIn(query: URLSearchParams): ReadonlySet<Entitlement> {
  const granted = query.getAll("allow").map((name) => {
    const entitlement = ENTITLEMENTS.find((each) => each === name);
    if (entitlement !== undefined) return entitlement;
    throw new TsukubeError("invalid", `Cannot allow "${name}": expected ${ENTITLEMENTS.join(" or ")}`);
  });
  return new Set(granted);
}

function surroundingsIn(query: URLSearchParams): BuildSurroundings {
  const hosts = query.getAll("extrahosts").filter((entry) => entry !== "");
  const bad = hosts.find((entry) => !/^[^:]+:(?!host-gateway$)./.test(entry));
  if (bad !== undefined)
    throw new TsukubeError("invalid", `Cannot build with host "${bad}": expected NAME:ADDRESS, such as db:10.0.0.5`);
  const ulimits = ulimitsIn(query.get("ulimits") ?? "");
  const shmBytes = Number(query.get("shmsize") ?? 0);
  if (!Number.isSafeInteger(shmBytes) || shmBytes < 0)
    throw new TsukubeError("invalid", `Cannot build with shmsize=${query.get("shmsize")}: expected bytes`);
  return {
    ...(hosts.length > 0 && { hosts: extraHosts(hosts, "") }),
    ...(ulimits.length > 0 && { ulimits }),
    ...(shmBytes > 0 && { shmBytes }),
  };
}

function ulimitsIn(text: string): readonly Ulimit[] {
  if (text === "" || text === "null") return [];
  try {
    const ulimits = JSON.parse(text) as readonly Ulimit[];
    if (ulimits.every(({ Name, Soft, Hard }) => /^[a-z]+$/.test(Name ?? "") && isInteger(Soft) && isInteger(Hard)))
      return ulimits;
  } catch {
    // told below
  }
  throw new TsukubeError("invalid", `Cannot read ulimits=${text}: expected a list of Name, Soft and Hard`);
}

function isInteger(value: unknown): boolean {
  return Number.isSafeInteger(value);
}

/** Limits that commands of builds do not have, in words. */
function unused(query: URLSearchParams): readonly string[] {
  const names = ["memory", "memswap", "cpushares", "cpuquota", "cpuperiod", "cpusetcpus", "cpusetmems"];
  const asked = names.filter((name) => !["", "0"].includes(query.get(name) ?? ""));
  return asked.map((name) => `Note: "${name}" does not limit commands of builds`);
}

function mapOf(query: URLSearchParams, name: string): Readonly<Record<string, string>> {
  const text = query.get(name) ?? "";
  if (text === "") return {};
  try {
    const entries = Object.entries(JSON.parse(text) as Record<string, string | null>);
    return Object.fromEntries(entries.flatMap(([key, value]) => (value === null ? [] : [[key, value]])));
  } catch {
    throw new TsukubeError("invalid", `Cannot read ${name}=${text}: expected a JSON object of strings`);
  }
}
