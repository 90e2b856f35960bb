import type { ResourceInfo } from "../kinds.ts";
import type { Definitions } from "./definitions.ts";
import { capitalized, groupName } from "./names.ts";
import type { Operation, Path } from "./operations.ts";
import { BUILTIN_TYPES } from "./paths.ts";

type Scope = Pick<ResourceInfo, "group" | "version">;

/** The path where a document's own name answers: "apis/apps" lists versions, "apis/apps/v1" resources. */
export function rootPath(name: string, definitions: Definitions): Path | undefined {
  const known = FIXED[name];
  if (known !== undefined) return { path: `/${name}/`, operations: [known(definitions)] };
  const [first, group = "", version] = name.startsWith("api/") ? ["api", "", name.slice(4)] : name.split("/");
  if (first !== "api" && first !== "apis") return undefined;
  return { path: `/${name}/`, operations: [discovery(group, version, definitions)] };
}

/** Names of the documents that these groups and versions have, besides those of every server. */
export function documentNames(scopes: Iterable<Scope>): readonly string[] {
  const names = new Set(Object.keys(FIXED));
  for (const { group, version } of scopes) {
    if (group !== "") names.add(`apis/${group}`);
    names.add(group === "" ? `api/${version}` : `apis/${group}/${version}`);
  }
  return [...names];
}

const FIXED: Readonly<Record<string, (definitions: Definitions) => Operation>> = {
  api: (definitions) => root("getCoreAPIVersions", "core", "meta/v1.APIVersions", definitions),
  apis: (definitions) => root("getAPIVersions", "apis", "meta/v1.APIGroupList", definitions),
  version: (definitions) => ({
    ...root("getCodeVersion", "version", "version.Info", definitions),
    consumes: ["application/json"],
    produces: ["application/json"],
  }),
  ".well-known/openid-configuration": () =>
    openId("getServiceAccountIssuerOpenIDConfiguration", "WellKnown", "application/json"),
  "openid/v1/jwks": () => openId("getServiceAccountIssuerOpenIDKeyset", "openid", "application/jwk-set+json"),
};

function discovery(group: string, version: string | undefined, definitions: Definitions): Operation {
  const [upper, lower] = [groupName(group, true), groupName(group, false)];
  if (version === undefined) return root(`get${upper}APIGroup`, lower, "meta/v1.APIGroup", definitions);
  const title = capitalized(version);
  return root(`get${upper}${title}APIResources`, `${lower}_${version}`, "meta/v1.APIResourceList", definitions);
}

function root(id: string, tag: string, type: string, definitions: Definitions): Operation {
  return {
    method: "get",
    id,
    tag,
    description: "what there is",
    marks: undefined,
    parameters: [],
    body: undefined,
    consumes: BUILTIN_TYPES,
    produces: BUILTIN_TYPES,
    responses: [{ code: "200", schema: definitions.reference(type) }],
  };
}

/** What verifiers of service account tokens ask for. */
function openId(id: string, tag: string, type: string): Operation {
  return {
    method: "get",
    id,
    tag,
    description: "how tokens are verified",
    marks: undefined,
    parameters: [],
    body: undefined,
    consumes: [],
    produces: [type],
    responses: [{ code: "200", schema: undefined }],
  };
}
