import { repositoryName } from "../names.ts";

/** What a path is about. */
export type Route =
  | { readonly kind: "root" }
  | { readonly kind: "catalog" }
  | { readonly kind: "uploads"; readonly name: string }
  | { readonly kind: "upload"; readonly name: string; readonly id: string }
  | { readonly kind: "blob"; readonly name: string; readonly digest: string }
  | { readonly kind: "manifest"; readonly name: string; readonly reference: string }
  | { readonly kind: "tags"; readonly name: string }
  | { readonly kind: "referrers"; readonly name: string; readonly digest: string };

/** By its end: a repository may be named "blobs/uploads". @throws {RegistryError} `NAME_INVALID`. */
export function routeOf(path: string): Route | undefined {
  if (path === "/v2" || path === "/v2/") return { kind: "root" };
  if (path === "/v2/_catalog") return { kind: "catalog" };
  const upload = /^\/v2\/(.+)\/blobs\/uploads(?:\/([^/]*))?$/.exec(path);
  if (upload !== null) {
    const [, name = "", id = ""] = upload;
    return id === ""
      ? { kind: "uploads", name: repositoryName(name) }
      : { kind: "upload", name: repositoryName(name), id };
  }
  const [, text, kind, last = ""] = /^\/v2\/(.+)\/(blobs|manifests|tags|referrers)\/([^/]+)$/.exec(path) ?? [];
  if (text === undefined) return undefined;
  const name = repositoryName(text);
  switch (kind) {
    case "blobs":
      return { kind: "blob", name, digest: last };
    case "manifests":
      return { kind: "manifest", name, reference: last };
    case "referrers":
      return { kind: "referrers", name, digest: last };
    default:
      return last === "list" ? { kind: "tags", name } : undefined;
  }
}
