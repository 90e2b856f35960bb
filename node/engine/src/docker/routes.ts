import { buildRoutes } from "./build-routes.ts";
import { commitRoutes } from "./commit-routes.ts";
import { containerRoutes } from "./container-routes.ts";
import type { DockerDeps, Route } from "./contracts.ts";
import { eventRoutes } from "./event-routes.ts";
import { execRoutes } from "./exec-routes.ts";
import { fileRoutes } from "./file-routes.ts";
import { imageRoutes } from "./image-routes.ts";
import { networkRoutes } from "./network-routes.ts";
import { pruneRoutes } from "./prune-routes.ts";
import { searchRoutes } from "./search-routes.ts";
import { systemRoutes } from "./system-routes.ts";
import { volumeRoutes } from "./volume-routes.ts";

/** Everything that Docker's API answers to; the first that fits is it. */
export function routesOf(deps: DockerDeps): readonly Route[] {
  return [
    ...[...systemRoutes(deps), ...imageRoutes(deps), ...buildRoutes(deps), ...containerRoutes(deps)],
    ...[...execRoutes(deps), ...fileRoutes(deps), ...networkRoutes(deps), ...volumeRoutes(deps)],
    ...[...eventRoutes(deps), ...searchRoutes(deps), ...pruneRoutes(deps), ...commitRoutes(deps)],
  ];
}

/** As people write them: "POST /containers/{}/start". */
export function endpoints(): readonly string[] {
  const routes = routesOf({} as DockerDeps); // they look at it when they answer
  return routes.map(
    ({ method, path }) => `${method} ${path.source.replace(/^\^|\$$|\\(?=\/)/g, "").replace(/\(.*?\)/g, "{}")}`,
  );
}
