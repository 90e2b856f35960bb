import { labelMatcherOf } from "@tsukube/api";
import type { ClusterTrustBundle } from "@tsukube/api/types/certificates-v1";
import type { ClusterTrustBundleProjection } from "@tsukube/api/types/core-v1";
import {
  type Client,
  createInformerFactory,
  type Informer,
  type InformerDeps,
  type InformerFactory,
} from "@tsukube/client";
import { TsukubeError } from "@tsukube/foundation";
import { certificateBlocks } from "./pem.ts";

export interface ClusterTrustBundlesDeps extends InformerDeps {
  readonly client: Client;
  /** Bundles that the pod shows in a volume were made, changed or removed. */
  changed(podUid: string): void;
}

const BUNDLES = { group: "certificates.k8s.io", version: "v1", resource: "clustertrustbundles" };

/** The trust anchors that pods show in volumes. All bundles are watched, from the first pod on that shows any. */
export class ClusterTrustBundles {
  readonly #deps: ClusterTrustBundlesDeps;
  readonly #shown = new Map<string, Map<string, ClusterTrustBundleProjection>>();
  #watched: { readonly informers: InformerFactory; readonly bundles: Informer<ClusterTrustBundle> } | undefined;

  constructor(deps: ClusterTrustBundlesDeps) {
    this.#deps = deps;
  }

  /** PEM. @throws {TsukubeError} `volume` when no bundle fits and the projection is not optional. */
  async anchors(podUid: string, projection: ClusterTrustBundleProjection): Promise<string> {
    const shown = this.#shown.get(podUid) ?? new Map<string, ClusterTrustBundleProjection>();
    this.#shown.set(podUid, shown.set(JSON.stringify(projection), projection));
    this.#watched ??= this.#watch();
    await this.#watched.bundles.synced;
    return trustAnchors(projection, this.#watched.bundles.list());
  }

  release(podUid: string): void {
    this.#shown.delete(podUid);
  }

  async close(): Promise<void> {
    await this.#watched?.informers.close();
  }

  #watch() {
    const informers = createInformerFactory(this.#deps.client, this.#deps);
    const bundles = informers.informer<ClusterTrustBundle>(BUNDLES);
    const tell = (...states: readonly ClusterTrustBundle[]): void => {
      for (const [uid, shown] of this.#shown)
        if ([...shown.values()].some((projection) => states.some((state) => fits(projection, state))))
          this.#deps.changed(uid);
    };
    bundles.onChange({ added: tell, updated: tell, deleted: tell });
    return { informers, bundles };
  }
}

/**
 * Pure: the anchors of all bundles that fit, each once, in an order that says nothing.
 * @returns PEM. @throws {TsukubeError} `volume` when none fits and the projection is not optional.
 */
export function trustAnchors(projection: ClusterTrustBundleProjection, bundles: readonly ClusterTrustBundle[]): string {
  const fitting = bundles.filter((bundle) => fits(projection, bundle));
  if (fitting.length === 0 && projection.optional !== true)
    throw new TsukubeError(
      "volume",
      projection.name !== undefined
        ? `clustertrustbundle "${projection.name}" not found`
        : "combination of signerName and labelSelector matched zero ClusterTrustBundles",
    );
  const anchors = new Set(fitting.flatMap(({ spec }) => certificateBlocks(spec?.trustBundle ?? "")));
  return [...anchors].sort().join("");
}

/** Without a selector no bundle of the signer is meant, with an empty one all are. */
function fits(projection: ClusterTrustBundleProjection, { metadata, spec }: ClusterTrustBundle): boolean {
  if (projection.name !== undefined) return metadata?.name === projection.name;
  return (
    spec?.signerName === projection.signerName &&
    labelMatcherOf(projection.labelSelector).matches(metadata?.labels ?? {})
  );
}
