import { TsukubeError } from "@tsukube/foundation";
import type { DockerAnswer, DockerDeps, DockerRequest, Route } from "./contracts.ts";
import { Filters } from "./filters.ts";
import { credentialsIn } from "./registry-auth-header.ts";

const MOST = 100;
const USUAL = 25;

/** `docker search`: what a registry finds by its first API, which the hub still has. */
export function searchRoutes(deps: DockerDeps): readonly Route[] {
  return [{ method: "GET", path: /^\/images\/search$/, handle: (request) => search(deps, request) }];
}

async function search({ transfer }: DockerDeps, request: DockerRequest): Promise<DockerAnswer> {
  const { query, signal } = request;
  const limit = Number(query.get("limit") || USUAL);
  if (!(limit >= 1 && limit <= MOST))
    throw new TsukubeError("invalid", `limit ${limit} is outside the range of [1, ${MOST}]`);
  const filters = new Filters(query, ["is-automated", "is-official", "stars"]);
  const [, registry = "docker.io", text = ""] =
    /^(?:([^/]*[.:][^/]*|localhost)\/)?(.*)$/.exec(query.get("term") ?? "") ?? [];
  if (text === "") throw new TsukubeError("invalid", "search term is empty");
  const found = await transfer.search(
    registry,
    { text, limit },
    credentialsIn(request.header("X-Registry-Auth")),
    signal,
  );
  const official = filters.flag("is-official");
  const automated = filters.flag("is-automated");
  const stars = Math.max(0, ...(filters.of("stars") ?? []).map(Number));
  const shown = found.filter(
    (each) =>
      (official === undefined || official === (each.is_official === true)) &&
      (automated === undefined || automated === (each.is_automated === true)) &&
      (each.star_count ?? 0) >= stars,
  );
  return { status: 200, json: shown };
}
