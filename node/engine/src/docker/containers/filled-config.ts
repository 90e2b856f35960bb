import { TsukubeError } from "@tsukube/foundation";
import type { ImageConfig } from "../../images/image-store.ts";
import type { ConfigDocument, CreateDocument, HostConfigDocument } from "./documents.ts";

/** A container's configuration with what the image says where the client said nothing. */
export function filledConfig(create: CreateDocument, image: ImageConfig, id: string): ConfigDocument {
  const { HostConfig: host, NetworkingConfig: _, ...asked } = create;
  const entrypoint = listOf(asked.Entrypoint);
  const command = listOf(asked.Cmd);
  const ownEntrypoint = entrypoint !== undefined; // the image's command belongs to the image's entrypoint
  const cleared = entrypoint?.length === 1 && entrypoint[0] === "";
  return {
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Domainname: "",
    ...asked,
    Hostname: asked.Hostname || (host?.NetworkMode === "host" ? "" : id.slice(0, 12)),
    User: asked.User || image.User || "",
    Env: envOf(asked.Env ?? [], image.Env ?? []),
    Cmd: command ?? (ownEntrypoint ? null : (image.Cmd ?? null)),
    Entrypoint: cleared ? null : (entrypoint ?? image.Entrypoint ?? null),
    WorkingDir: asked.WorkingDir || image.WorkingDir || "",
    Labels: { ...image.Labels, ...asked.Labels },
    ...given("Volumes", { ...image.Volumes, ...asked.Volumes }),
    ...given("ExposedPorts", { ...image.ExposedPorts, ...asked.ExposedPorts, ...bound(host ?? undefined) }),
    ...given("Healthcheck", healthOf(create, image)),
    ...given("StopSignal", asked.StopSignal || image.StopSignal),
    ...given("Shell", asked.Shell ?? image.Shell),
  };
}

/** A client may send one word instead of a list. */
export function listOf(value: readonly string[] | string | null | undefined): readonly string[] | undefined {
  if (value == null) return undefined;
  const list = typeof value === "string" ? [value] : value;
  return list.length === 0 ? undefined : list;
}

/** Program and arguments. @throws {TsukubeError} `invalid` when there is none. */
export function commandOf(config: ConfigDocument): readonly string[] {
  const command = [...(listOf(config.Entrypoint) ?? []), ...(listOf(config.Cmd) ?? [])];
  if (command.length === 0) throw new TsukubeError("invalid", "no command specified");
  return command;
}

function given(name: string, value: object | string | null | undefined): object {
  const isEmpty = value == null || value === "" || (typeof value === "object" && Object.keys(value).length === 0);
  return isEmpty ? {} : { [name]: value };
}

/** The client's variables first, then those of the image that it does not name. "NAME" alone removes one. */
function envOf(asked: readonly string[], image: readonly string[]): readonly string[] {
  const name = (entry: string): string => entry.split("=", 1)[0] as string;
  const taken = new Set(asked.map(name));
  return [...asked.filter((entry) => entry.includes("=")), ...image.filter((entry) => !taken.has(name(entry)))];
}

function bound(host: HostConfigDocument | undefined): object {
  return Object.fromEntries(Object.keys(host?.PortBindings ?? {}).map((port) => [port, {}]));
}

/** Fields that the client leaves out are the image's; a test of its own replaces the image's. */
function healthOf({ Healthcheck: asked }: CreateDocument, { Healthcheck: image }: ImageConfig) {
  if (asked == null) return image ?? undefined;
  if ((asked.Test ?? []).length > 0 || image == null) return asked;
  const filled = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== 0 && value !== null));
  return { ...image, ...filled, Test: image.Test ?? [] };
}
