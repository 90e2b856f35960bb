import type { GroupVersionResource } from "@tsukube/api";
import type { Client } from "@tsukube/client";

export interface DiscoveredResource extends GroupVersionResource {
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

/** Every resource that the API server serves now, each in its preferred version; custom ones too. */
export async function discoverResources(client: Client): Promise<readonly DiscoveredResource[]> {
  const groups = (await client.raw("GET", "/apis")) as {
    readonly groups?: readonly { readonly preferredVersion?: { readonly groupVersion?: string } }[];
  };
  const paths = ["/api/v1", ...(groups.groups ?? []).map((group) => `/apis/${group.preferredVersion?.groupVersion}`)];
  const lists = await Promise.all(paths.map((path) => client.raw("GET", path).catch(() => ({}))));
  return lists.flatMap((list) => {
    const { groupVersion = "", resources = [] } = list as {
      readonly groupVersion?: string;
      readonly resources?: readonly {
        readonly name?: string;
        readonly kind?: string;
        readonly namespaced?: boolean;
        readonly verbs?: readonly string[];
      }[];
    };
    const [group, version] = groupVersion.includes("/")
      ? (groupVersion.split("/") as [string, string])
      : ["", groupVersion];
    return resources
      .filter(({ name = "" }) => !name.includes("/"))
      .map(({ name = "", kind = "", namespaced = false, verbs = [] }) => ({
        group,
        version,
        resource: name,
        kind,
        namespaced,
        verbs,
      }));
  });
}
