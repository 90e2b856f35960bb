import { readFile } from "node:fs/promises";
import { codeOf } from "@tsukube/foundation";

/** One place that serves a registry's content. */
export interface RegistryHost {
  /** With the API's path: "https://registry-1.docker.io/v2". */
  readonly base: string;
  readonly mirror: boolean;
  readonly canResolve: boolean;
  readonly canPush: boolean;
  readonly skipVerify: boolean;
  /** A file of certificates to trust. */
  readonly ca?: string;
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/;

/**
 * The hosts of a registry in the order to ask them: mirrors of containerd's `FOLDER/HOST/hosts.toml` (or of `_default`), then
 * the registry itself. Registries on the loopback speak plain HTTP, unless on port 443.
 */
export async function registryHosts(registry: string, folder: string): Promise<readonly RegistryHost[]> {
  for (const name of [registry, registry.replace(/:(\d+)$/, "_$1_"), "_default"]) {
    const text = await readFile(`${folder}/${name}/hosts.toml`, "utf8").catch((error: unknown) => {
      if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
      throw error;
    });
    if (text !== undefined) return parseHosts(text, registry, `${folder}/${name}`);
  }
  return [hostOf(upstream(registry), false, {}, "")];
}

function upstream(registry: string): string {
  if (registry === "docker.io") return "https://registry-1.docker.io";
  const plain = LOOPBACK.test(registry) && !registry.endsWith(":443");
  return `${plain ? "http" : "https"}://${registry}`;
}

type Table = Readonly<Record<string, string>>;

/** The part of TOML that hosts.toml uses: `key = value` and `[host."URL"]`, one a line. */
export function parseHosts(text: string, registry: string, folder: string): readonly RegistryHost[] {
  const root: Record<string, string> = {};
  const mirrors: { readonly url: string; readonly table: Record<string, string> }[] = [];
  let table: Record<string, string> = root;
  for (const raw of text.split("\n")) {
    const line = raw.trim();
    const section = /^\[\s*host\s*\.\s*["']([^"']+)["']\s*\]/.exec(line);
    const entry = /^([A-Za-z_]+)\s*=\s*(\[.*\]|"[^"]*"|'[^']*'|\w+)/.exec(line);
    if (section !== null) {
      table = {};
      mirrors.push({ url: section[1] as string, table });
    } else if (line.startsWith("[")) table = {};
    else if (entry !== null) table[entry[1] as string] = (entry[2] as string).replace(/^["']|["']$/g, "");
  }
  const server =
    root["server"] === undefined || root["server"] === "" ? upstream(registry) : withScheme(root["server"]);
  return [
    ...mirrors.map(({ url, table }) => hostOf(withScheme(url), true, table, folder)),
    hostOf(server, false, root, folder),
  ];
}

function withScheme(url: string): string {
  return /^https?:\/\//.test(url) ? url : `https://${url}`;
}

function hostOf(url: string, mirror: boolean, table: Table, folder: string): RegistryHost {
  const trimmed = url.replace(/\/+$/, "");
  const whole = table["override_path"] === "true" || trimmed.endsWith("/v2");
  const capabilities = table["capabilities"];
  const can = (name: string): boolean => capabilities === undefined || capabilities.includes(name);
  const ca = table["ca"];
  return {
    base: whole ? trimmed : `${trimmed}/v2`,
    mirror,
    canResolve: can("resolve"),
    canPush: !mirror || (capabilities !== undefined && can("push")),
    skipVerify: table["skip_verify"] === "true",
    ...(ca === undefined || ca.startsWith("[") ? {} : { ca: ca.startsWith("/") ? ca : `${folder}/${ca}` }),
  };
}
