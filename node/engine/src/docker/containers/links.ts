import { TsukubeError } from "@tsukube/foundation";
import { DEFAULT_NETWORK, type DockerContainer, networkModeOf } from "./container-record.ts";
import type { HostConfigDocument } from "./documents.ts";

/** That a container finds another one under an alias. */
interface Link {
  /** Or the id. */
  readonly name: string;
  readonly alias: string;
}

type Find = (name: string) => DockerContainer | undefined;

/** "NAME", "NAME:ALIAS", or as inspect shows it, "/NAME:/OWNER/ALIAS". @throws {TsukubeError} `invalid`. */
export function parseLink(link: string): Link {
  const [name = "", alias = name, ...more] = link.split(":");
  if (name === "" || more.length > 0) throw new TsukubeError("invalid", `bad format for links: ${link}`);
  return name.startsWith("/")
    ? { name: name.slice(1), alias: alias.slice(alias.lastIndexOf("/") + 1) }
    : { name, alias };
}

/**
 * Links as a record keeps them. Those on the default network are "ID:ALIAS": they stay when names change.
 * @throws {TsukubeError} `invalid` where there is no such container.
 */
export function keptLinks(hostConfig: HostConfigDocument, find: Find): Pick<HostConfigDocument, "Links"> {
  if (networkModeOf({ hostConfig }) !== DEFAULT_NETWORK || !hostConfig.Links) return {};
  const Links = hostConfig.Links.map(parseLink).map(({ name, alias }) => {
    const id = find(name)?.id;
    if (id !== undefined) return `${id}:${alias}`;
    throw new TsukubeError("invalid", `could not get container for ${name}: No such container: ${name}`);
  });
  return { Links };
}

/** Those on the default network. */
export function defaultLinks({ hostConfig }: Pick<DockerContainer, "hostConfig">): readonly Link[] {
  return networkModeOf({ hostConfig }) === DEFAULT_NETWORK ? (hostConfig.Links ?? []).map(parseLink) : [];
}

/** As clients see them; to one that is gone there is none. */
export function shownLinks(container: DockerContainer, find: Find): readonly string[] {
  return defaultLinks(container).flatMap(({ name, alias }) => {
    const other = find(name);
    return other === undefined ? [] : [`/${other.name}:/${container.name}/${alias}`];
  });
}

/** Further names that links give to containers, such as "/web/database", by their ids. */
export function linkNames(all: readonly DockerContainer[]): ReadonlyMap<string, readonly string[]> {
  const names = all.flatMap((owner) =>
    defaultLinks(owner).map(({ name, alias }) => [name, `/${owner.name}/${alias}`] as const),
  );
  const byId = Map.groupBy(names, ([id]) => id);
  return new Map([...byId].map(([id, each]) => [id, each.map(([, name]) => name)]));
}
