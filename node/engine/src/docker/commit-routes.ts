import { lstatSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { TsukubeError } from "@tsukube/foundation";
import { removeTree, run } from "@tsukube/kernel";
import { readInstruction } from "../build/dockerfile/scan.ts";
import { isUrl, opened } from "../build/downloads.ts";
import { configure } from "../build/image-config.ts";
import { given } from "../containers/given.ts";
import { decompressed } from "../images/decompressed.ts";
import type { ImageConfig, ImageRecord, NewLayer } from "../images/image-store.ts";
import { digestOf, writeLayerTar } from "../images/layer-tar.ts";
import { type Platform, parsePlatform } from "../images/platform.ts";
import { formatReference, parseReference } from "../images/reference.ts";
import { chainIds } from "../images/snapshotter.ts";
import { unpackLayer } from "../images/unpack.ts";
import { isMountPoint, OWN_FILES } from "./containers/container-changes.ts";
import { time } from "./containers/container-views.ts";
import { CONFIG_FIELDS } from "./containers/document-fields.ts";
import type { ConfigDocument } from "./containers/documents.ts";
import { listOf } from "./containers/filled-config.ts";
import type { DockerAnswer, DockerDeps, DockerRequest, Route } from "./contracts.ts";
import { publishImage, tellTags } from "./image-events.ts";
import { familiarName } from "./image-views.ts";
import { isTrue } from "./query-flag.ts";

/** Images made of containers. */
export function commitRoutes(deps: DockerDeps): readonly Route[] {
  return [{ method: "POST", path: /^\/commit$/, handle: (request) => commit(deps, request) }];
}

async function commit(deps: DockerDeps, request: DockerRequest): Promise<DockerAnswer> {
  const { query } = request;
  const { dockerContainers, images, snapshotter } = deps;
  const container = dockerContainers.store.get(query.get("container") ?? "");
  const names = namesIn(query.get("repo"), query.get("tag"));
  const asked = await request.json<ConfigDocument>(CONFIG_FIELDS);
  const config = changed({ ...imageConfig(container.config), ...imageConfig(asked) }, query.getAll("changes"));
  const base = images.find(container.imageId);
  if (base === undefined) throw new TsukubeError("not-found", `No such image: ${container.imageName}`);
  const pauses = deps.cgroups.canFreeze && container.state.status === "running" && isTrue(query.get("pause") ?? "1");
  if (pauses) await dockerContainers.pause(container.id);
  let image: ImageRecord;
  try {
    image = await withLayer(
      deps,
      base,
      async (staged) => {
        await mkdir(staged, { recursive: true });
        await snapshotter.changes(container.id, async (written) => {
          if (written !== undefined) await run("cp", ["-a", `${written}/.`, staged]); // one that never ran wrote nothing
        });
        await removeMountPoints(
          staged,
          base.chain.map((chainId) => snapshotter.layerFolder(chainId)),
        );
      },
      {
        config,
        names,
        step: container.command.join(" "),
        comment: query.get("comment") ?? "",
        author: query.get("author") ?? "",
      },
    );
  } finally {
    if (pauses) await goOn(dockerContainers, container.id);
  }
  const attributes = {
    ...container.config.Labels,
    comment: query.get("comment") ?? "",
    image: container.imageName,
    imageID: image.id,
    imageRef: familiarName(names[0] ?? ""),
    name: container.name,
  };
  tellTags(deps, image.id, names);
  deps.events.publish("container", "commit", container.id, attributes);
  return { status: 201, json: { Id: image.id } };
}

/** One that ended meanwhile does not. */
async function goOn(containers: DockerDeps["dockerContainers"], id: string): Promise<void> {
  const isPaused = (): boolean => containers.store.find(id)?.state.status === "paused";
  if (isPaused())
    await containers.unpause(id).catch((error: unknown) => {
      if (isPaused()) throw error;
    });
}

/** What was only made to mount the engine's files on does not belong to the image. */
async function removeMountPoints(staged: string, layers: readonly string[]): Promise<void> {
  for (const path of OWN_FILES) {
    const status = lstatSync(staged + path, { throwIfNoEntry: false });
    const isBelow = layers.some((layer) => lstatSync(layer + path, { throwIfNoEntry: false }) !== undefined);
    if (status !== undefined && !isBelow && isMountPoint(path, status)) await rm(staged + path);
  }
}

/** `POST /images/create?fromSrc=-`: an archive of a file system becomes an image of one layer. */
export function importImage(deps: DockerDeps, request: DockerRequest): DockerAnswer {
  const { query, body } = request;
  const source = query.get("fromSrc") ?? "";
  if (source !== "-" && !isUrl(source))
    throw new TsukubeError(
      "invalid",
      `Cannot import "${source}": expected a URL, or "-" for the archive in the request`,
    );
  const names = namesIn(query.get("repo"), query.get("tag"));
  const config = changed({}, query.getAll("changes"));
  const platform = query.get("platform") || undefined;
  return {
    async messages(send) {
      const comment = query.get("message") ?? "";
      if (source !== "-") send({ status: `Downloading from ${source}` });
      const archive = source === "-" ? body : await opened(source, request.signal);
      const image = await withLayer(deps, undefined, (staged) => unpackLayer(decompressed(archive), staged, "keep"), {
        config,
        names,
        step: "",
        comment,
        author: "",
        ...(platform === undefined ? {} : { platform: parsePlatform(platform) }),
      });
      send({ status: image.id });
      tellTags(deps, image.id, names);
      publishImage(deps.events, "import", image, names[0]);
    },
  };
}

interface Wish {
  readonly config: ImageConfig;
  readonly names: readonly string[];
  readonly step: string;
  readonly comment: string;
  readonly author: string;
  /** That of this machine by default. */
  readonly platform?: Platform;
}

/** An image with one layer more. @param fill Puts the layer's files into a folder. */
async function withLayer(
  { images, snapshotter, garbage, clock }: DockerDeps,
  base: ImageRecord | undefined,
  fill: (staged: string) => Promise<unknown>,
  { config, names, step, comment, author, platform }: Wish,
): Promise<ImageRecord> {
  const release = await garbage.hold();
  const staged = await snapshotter.stage();
  try {
    await fill(staged);
    const { digest: diffId, size } = await digestOf(writeLayerTar(staged));
    const chainId = chainIds([...(base?.diffIds ?? []), diffId]).at(-1) as string;
    await snapshotter.commit(chainId, base?.chain ?? [], { staged });
    const layer: NewLayer = { diffId, chainId, size };
    const created = time(clock.now());
    return await images.create({
      ...(base === undefined ? {} : { base }),
      layers: [layer],
      config,
      created,
      ...(author === "" ? {} : { author }),
      ...(platform === undefined ? {} : { platform }),
      history: [
        { created, created_by: step, ...(comment === "" ? {} : { comment }), ...(author === "" ? {} : { author }) },
      ],
      names,
    });
  } finally {
    await removeTree(staged);
    await release();
  }
}

function namesIn(repository: string | null, tag: string | null): readonly string[] {
  if (repository === null || repository === "") return [];
  return [formatReference(parseReference(tag === null || tag === "" ? repository : `${repository}:${tag}`))];
}

/** What of a container's configuration an image keeps. */
function imageConfig(config: ConfigDocument): ImageConfig {
  const { User, Env, WorkingDir, Labels, StopSignal, Volumes, ExposedPorts, Shell, OnBuild, Healthcheck } = config;
  return given({
    ...{ User, Env, WorkingDir, Labels, StopSignal, Volumes, ExposedPorts, Shell, OnBuild, Healthcheck },
    Cmd: listOf(config.Cmd),
    Entrypoint: listOf(config.Entrypoint),
  }) as ImageConfig;
}

const CHANGES = [
  "CMD",
  "ENTRYPOINT",
  "ENV",
  "EXPOSE",
  "HEALTHCHECK",
  "LABEL",
  "ONBUILD",
  "STOPSIGNAL",
  "USER",
  "VOLUME",
  "WORKDIR",
];

/** `--change`: instructions of a Dockerfile. */
function changed(config: ImageConfig, changes: readonly string[]): ImageConfig {
  let configured = { config, ownCmd: false };
  for (const [index, line] of changes.entries()) {
    const instruction = readInstruction(line, { file: "change", line: index + 1, column: 1 }, "\\");
    if (!CHANGES.includes(instruction.keyword))
      throw new TsukubeError("invalid", `${instruction.keyword} is not a valid change command`);
    configured = configure(configured, instruction, {
      ...{ env: [], args: new Map(), escapeChar: "\\" },
      given: { buildArgs: new Map(), globals: new Map() },
    });
  }
  return configured.config;
}
