import { TsukubeError } from "@tsukube/foundation";

/** A parsed image name. Registry and repository are always there: "busybox" is docker.io/library/busybox:latest. */
export interface Reference {
  readonly registry: string;
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: string;
}

const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha(?:256:[a-f0-9]{64}|512:[a-f0-9]{128})$/;

/** Whether a text is a digest that may name a file: what registries and archives say is never a path before this. */
export function isDigest(text: unknown): text is string {
  return typeof text === "string" && DIGEST.test(text);
}

/** Parses an image name as docker does (distribution reference grammar). @throws {TsukubeError} `invalid-reference`. */
export function parseReference(name: string): Reference {
  const [beforeDigest = "", digest] = name.split("@", 2);
  const slash = beforeDigest.lastIndexOf("/");
  const colon = beforeDigest.indexOf(":", slash + 1);
  const tag = colon === -1 ? undefined : beforeDigest.slice(colon + 1);
  const path = colon === -1 ? beforeDigest : beforeDigest.slice(0, colon);
  const { registry, repository } = splitRegistry(path);
  const valid =
    NAME.test(repository) && (tag === undefined || TAG.test(tag)) && (digest === undefined || DIGEST.test(digest));
  if (!valid) {
    throw new TsukubeError(
      "invalid-reference",
      `Cannot parse image name "${name}": not of the form registry/name:tag@digest`,
    );
  }
  if (digest !== undefined) return { registry, repository, ...(tag === undefined ? {} : { tag }), digest };
  return { registry, repository, tag: tag ?? "latest" };
}

function splitRegistry(path: string): { registry: string; repository: string } {
  const slash = path.indexOf("/");
  const first = path.slice(0, slash);
  const hasRegistry = slash !== -1 && (/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase());
  const registry = hasRegistry ? first : "docker.io";
  const repository = hasRegistry ? path.slice(slash + 1) : path;
  const official = (registry === "docker.io" || registry === "index.docker.io") && !repository.includes("/");
  return {
    registry: registry === "index.docker.io" ? "docker.io" : registry,
    repository: official ? `library/${repository}` : repository,
  };
}

/** The whole name: "docker.io/library/busybox:latest". A digest wins over a tag. */
export function formatReference(reference: Reference): string {
  const name = `${reference.registry}/${reference.repository}`;
  if (reference.digest !== undefined) return `${name}@${reference.digest}`;
  return `${name}:${reference.tag ?? "latest"}`;
}

/** The name as people write it: "busybox:latest". */
export function shortReference(reference: Reference): string {
  return formatReference(reference).replace(/^docker\.io\/(library\/)?/, "");
}

/** Images that the engine makes itself and never pulls. */
export function isBuiltIn(reference: Reference): boolean {
  return reference.registry === "tsukube.local";
}
