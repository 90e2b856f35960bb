import { allResources, decodeUnstructured, kindOf } from "@tsukube/api";
import { TsukubeError } from "@tsukube/foundation";
import type { Past } from "@tsukube/store/past";

/** Where objects of a resource lie in the store. */
export interface StoredResource {
  readonly resource: string;
  readonly prefix: string;
  readonly namespaced: boolean;
}

interface Named extends StoredResource {
  readonly group: string;
  readonly names: readonly string[];
}

interface Definition {
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: { readonly plural: string; readonly singular?: string; readonly shortNames?: readonly string[] };
  };
}

const DEFINITIONS = "/registry/apiextensions.k8s.io/customresourcedefinitions/";

/**
 * The resource that people name as they do with kubectl: "pods", "pod", "po", "deployments.apps", "widgets.example.com".
 * @param revision Custom resources are those of that moment.
 * @throws {TsukubeError} `usage`.
 */
export async function storedResource(past: Past, revision: number, wanted: string): Promise<StoredResource> {
  const [name = "", ...rest] = wanted.toLowerCase().split(".");
  const group = rest.join(".");
  const matches = (one: Named): boolean => one.names.includes(name) && (rest.length === 0 || one.group === group);
  const found = builtin().find(matches) ?? (await custom(past, revision)).find(matches);
  if (found !== undefined) return found;
  throw new TsukubeError(
    "usage",
    `Cannot find resource "${wanted}": no such resource, expected such as "pods" or "deployments.apps"`,
  );
}

function builtin(): readonly Named[] {
  return allResources().flatMap((info) => {
    const row = kindOf(info);
    if (row?.etcdKey === undefined) return [];
    return [
      {
        resource: info.resource,
        group: info.group,
        namespaced: info.namespaced,
        prefix: row.etcdKey.replace(/\{.*$/, ""),
        names: [info.resource, info.kind.toLowerCase(), ...info.shortNames],
      },
    ];
  });
}

async function custom(past: Past, revision: number): Promise<readonly Named[]> {
  return (await past.range(DEFINITIONS, revision)).map(({ value }) => {
    const { group, scope, names } = decodeUnstructured<Definition>(value, { collectProblems: false }).object.spec;
    const { plural, singular = "", shortNames = [] } = names;
    return {
      resource: `${plural}.${group}`,
      group,
      namespaced: scope === "Namespaced",
      prefix: `/registry/${group}/${plural}/`,
      names: [plural, singular, ...shortNames],
    };
  });
}

/** The key of one object. */
export function keyOf(resource: StoredResource, namespace: string, name: string): string {
  return resource.prefix + (resource.namespaced ? `${namespace}/${name}` : name);
}
