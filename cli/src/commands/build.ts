import { writeFile } from "node:fs/promises";
import { buildContext } from "@tsukube/engine/context";
import { TsukubeError } from "@tsukube/foundation";
import type { EngineClient, EngineMessage } from "../cluster/engine-client.ts";
import { buildHeaders } from "../registry/login-headers.ts";
import { inputsOf } from "./build-inputs.ts";
import { checkPlace, outputPlace, receive } from "./build-output.ts";
import { BuildReasons } from "./build-reasons.ts";
import { type BuildSource, buildSource, contextPlace } from "./build-source.ts";
import { cachePlace } from "./cache-place.ts";
import type { CommandContext } from "./context.ts";
import { clientOf } from "./engine-address.ts";
import { bytesOf } from "./flag-values.ts";
import { extraHost, ulimitOf } from "./run-container.ts";

export interface BuildOptions {
  readonly tag: readonly string[];
  readonly file?: string;
  readonly buildContext: readonly string[];
  readonly platform?: string;
  readonly network?: string;
  readonly allow: readonly string[];
  /** Where the image's id goes. */
  readonly iidfile?: string;
  readonly why: boolean;
  readonly buildArg: readonly string[];
  readonly label: readonly string[];
  readonly target?: string;
  readonly cache: boolean;
  readonly pull: boolean;
  readonly quiet: boolean;
  readonly secret: readonly string[];
  readonly ssh: readonly string[];
  readonly cacheFrom: readonly string[];
  readonly cacheTo: readonly string[];
  readonly provenance: boolean;
  readonly sbom: boolean;
  readonly addHost: readonly string[];
  readonly ulimit: readonly string[];
  readonly shmSize?: string;
  /** Where the result goes in place of the engine's images. */
  readonly output?: string;
}

/** `tsukube build -t NAME DIR`: builds an image from a Dockerfile into the cluster's engine. */
export async function build(context: CommandContext, folder: string, options: BuildOptions): Promise<void> {
  const engine = clientOf(context);
  const reasons = new BuildReasons();
  const place = outputPlace(options.output ?? "type=image");
  const output = place.kind === "engine" ? undefined : place;
  const tags = [...options.tag, ...place.names];
  if (output !== undefined) await checkPlace(output);
  if (output !== undefined && options.iidfile !== undefined)
    throw new TsukubeError("usage", "Cannot write --iidfile: with --output there is no image of the engine");
  let received: Promise<void> | undefined;
  const show = ({ stream = "", aux }: EngineMessage): void => {
    if (output !== undefined && aux?.Output !== undefined) {
      received = engine.bytes(`/build/outputs/${aux.Output}`).then((archive) => receive(archive, output, context));
      received.catch(() => {}); // told below
    }
    reasons.read(stream);
    if (!options.quiet && !options.why) process.stderr.write(stream);
  };
  const query = queryOf({ ...options, tag: tags });
  const source = await buildSource(folder, options.file);
  query.set("dockerfile", source.dockerfile);
  if (output !== undefined) query.set("output", output.kind);
  const places = [...options.buildContext.map(contextPlace), ...(source.place === undefined ? [] : [source.place])];
  for (const { folder: sent, archive, layout, ...place } of places) {
    const bytes = archive ?? layout ?? (sent === undefined ? undefined : buildContext(sent, "Dockerfile"));
    const id = bytes === undefined ? undefined : await engine.sendContext(bytes, layout !== undefined);
    query.append("context", JSON.stringify({ ...place, ...(id === undefined ? {} : { id }) }));
  }
  const inputs = inputsOf(options, process.env);
  if (inputs !== undefined)
    query.set("inputs", (await engine.call<{ Id: string }>("POST", "/build/inputs", inputs))?.Id ?? "");
  const built = sendBuild(engine, source.context, query, show);
  const id = await built.catch(async (error: unknown) => {
    await received; // what went wrong here says more than what the engine saw of it
    throw error;
  });
  if (output !== undefined && received === undefined)
    throw new TsukubeError(
      "unsupported",
      "Cannot write the output of the build: the engine kept it as an image and sent nothing, expected a Tsukube engine that knows --output",
    );
  await received;
  if (options.iidfile !== undefined) await writeFile(options.iidfile, id);
  if (options.why) for (const line of reasons.lines) context.print(line);
  else if (output === undefined) context.print(options.quiet || tags.length === 0 ? id : tags.join("\n"));
}

async function sendBuild(
  engine: EngineClient,
  source: BuildSource["context"],
  query: URLSearchParams,
  onMessage: (message: EngineMessage) => void,
): Promise<string> {
  if ("remote" in source) query.set("remote", source.remote);
  return engine.build("archive" in source ? source.archive : undefined, query, await buildHeaders(), onMessage);
}

/** Sends a folder with its Dockerfile to be built. @param query As `POST /build` has it. @returns the image's id. */
export async function buildImage(
  engine: EngineClient,
  folder: string,
  query: URLSearchParams,
  onMessage: (message: EngineMessage) => void,
): Promise<string> {
  const { context } = await buildSource(folder, undefined);
  return sendBuild(engine, context, query, onMessage);
}

/** As `POST /build` has it. */
export function queryOf({ tag, label, target, cache, pull, ...options }: BuildOptions): URLSearchParams {
  const query = new URLSearchParams();
  const isTimed = (process.env["SOURCE_DATE_EPOCH"] ?? "") !== ""; // for reproducible builds it is an argument wherever it is set
  const buildArg = [...(isTimed ? ["SOURCE_DATE_EPOCH"] : []), ...options.buildArg];
  for (const name of tag) query.append("t", name);
  if (buildArg.length > 0) query.set("buildargs", JSON.stringify(pairs(buildArg, (name) => process.env[name])));
  if (label.length > 0) query.set("labels", JSON.stringify(pairs(label, () => "")));
  if (target !== undefined) query.set("target", target);
  if (options.platform !== undefined) query.set("platform", options.platform);
  if (options.network !== undefined) query.set("networkmode", options.network);
  for (const name of options.allow) query.append("allow", name);
  for (const text of options.addHost) query.append("extrahosts", extraHost(text));
  if (options.ulimit.length > 0) query.set("ulimits", JSON.stringify(options.ulimit.map(ulimitOf)));
  if (options.shmSize !== undefined) query.set("shmsize", String(bytesOf("--shm-size", options.shmSize)));
  if (!cache) query.set("nocache", "1");
  if (pull) query.set("pull", "1");
  if (options.provenance) query.set("provenance", "1");
  if (options.sbom) query.set("sbom", "1");
  for (const text of options.cacheFrom) query.append("cache-from", JSON.stringify(cachePlace(text, "from")));
  for (const text of options.cacheTo) query.append("cache-to", JSON.stringify(cachePlace(text, "to")));
  return query;
}

/** "NAME=VALUE", or "NAME" with a value from elsewhere. */
function pairs(
  texts: readonly string[],
  otherwise: (name: string) => string | undefined,
): Readonly<Record<string, string>> {
  const entries = texts.map((text) => {
    const at = text.indexOf("=");
    return at < 0 ? [text, otherwise(text)] : [text.slice(0, at), text.slice(at + 1)];
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
