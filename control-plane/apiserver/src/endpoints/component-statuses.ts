import {
  ApiError,
  type ObjectSchema,
  parseFieldSelector,
  parseLabelSelector,
  schemaOf,
  type Unstructured,
} from "@tsukube/api";
import type { Lease } from "@tsukube/api/types/coordination-v1";
import type { ApiResponse } from "@tsukube/client";
import type { Clock } from "@tsukube/foundation";
import { negotiate } from "../chain/negotiation.ts";
import type { RequestContext } from "../contracts.ts";
import type { Presence } from "../health/presence.ts";
import { storeProblem } from "../health/store-problem.ts";
import type { Registry } from "../registry/registry.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import { builtinTable } from "../tables/builtin-table.ts";
import { encodeList } from "./list.ts";
import { encode, headersOf, includeOf, represent, type View } from "./represent.ts";

export interface ComponentDeps {
  readonly registry: Registry;
  readonly presence: Presence;
  readonly cache: WatchCache;
  readonly clock: Clock;
}

const KIND = { group: "", version: "v1", kind: "ComponentStatus", resource: "componentstatuses" };
const COMPONENTS = ["scheduler", "controller-manager"];

/** Of the parts of the control plane: whether they are there now. @throws {ApiError} 404, 405. */
export async function componentStatuses(context: RequestContext, deps: ComponentDeps): Promise<ApiResponse> {
  const { request, info } = context;
  if (info.verb === "watch" && info.path.includes("/watch/")) throw ApiError.generic(404);
  if (info.verb !== "get" && info.verb !== "list" && info.verb !== "watch") throw ApiError.methodNotAllowed();
  context.warn("v1 ComponentStatus is deprecated in v1.19+");
  if (info.verb === "watch") throw ApiError.methodNotSupported(KIND, "watch");
  const accepted = negotiate(request.headers, info.query);
  const definition = { ...deps.registry.get("", "v1", "nodes")!, ...KIND, schema: schemaOf(KIND) as ObjectSchema };
  const view: View = {
    definition: { ...definition, listKind: "ComponentStatusList" },
    accepted,
    table: builtinTable(definition),
    include: includeOf(info.query),
    now: () => 0,
  };
  const headers = headersOf(accepted);
  const statuses = await statusesOf(deps);
  if (info.name === "") return { status: 200, headers, body: encodeList(view, {}, statuses.filter(selects(context))) };
  const named = statuses.find(({ metadata }) => metadata?.name === info.name);
  if (named === undefined) throw ApiError.notFound({ group: "", resource: "componentstatus" }, info.name);
  const shown = represent(view, named);
  return { status: 200, headers, body: encode(shown.value, shown.schema, accepted) };
}

/** They have no labels, and no field but their name. */
function selects({ info }: RequestContext): (status: Unstructured) => boolean {
  const labels = info.query.get("labelSelector") ?? "";
  const matchesNothing = labels !== "" && !parseLabelSelector(labels).matches({});
  const fields = parseFieldSelector(info.query.get("fieldSelector") ?? "", ["metadata.name"]);
  return ({ metadata }) => !matchesNothing && fields.matches(() => metadata?.name ?? "");
}

async function statusesOf(deps: ComponentDeps): Promise<readonly Unstructured[]> {
  const own = COMPONENTS.map((name) => statusOf(name, problemOf(`kube-${name}`, deps)));
  return [...own, statusOf("etcd-0", await storeProblem(deps.cache, deps.clock))];
}

function statusOf(name: string, problem: string | undefined): Unstructured {
  const condition = { type: "Healthy", status: problem === undefined ? "True" : "False", message: problem ?? "ok" };
  return { kind: KIND.kind, apiVersion: KIND.version, metadata: { name }, conditions: [condition] };
}

/** It watches here, or it is elected elsewhere. */
function problemOf(name: string, { presence, cache, clock }: ComponentDeps): string | undefined {
  if (presence.isHere(`system:${name}`)) return undefined;
  const lease = cache.get(`/registry/leases/kube-system/${name}`)?.object as Lease | undefined;
  const { renewTime, leaseDurationSeconds = 0 } = lease?.spec ?? {};
  const isLed = renewTime != null && Date.parse(renewTime) + (leaseDurationSeconds ?? 0) * 1000 >= clock.now();
  return isLed ? undefined : `${name} has no watch open and holds no lease`;
}
