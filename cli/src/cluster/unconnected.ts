import { TsukubeError } from "@tsukube/foundation";
import type { ContainerNetworks, PodNetwork } from "@tsukube/node-contracts";

async function refuse(): Promise<never> {
  throw new TsukubeError(
    "unsupported",
    "Cannot connect containers: this engine runs without root and makes no networks, expected --network host or none, or an engine of root",
  );
}
const nothing = async (): Promise<void> => {};

/** For sandboxes of an engine that may make no links. */
export const UNCONNECTED: PodNetwork = {
  add: refuse,
  remove: nothing,
  check: nothing,
  status: nothing,
  collect: nothing,
};

/** For its containers: they have the network of the machine, or none. */
export const UNCONNECTED_NETWORKS: ContainerNetworks = {
  all: [],
  attachments: [],
  find: () => undefined,
  published: () => [],
  ...{ create: refuse, ensure: refuse, remove: refuse, attach: refuse, publish: refuse, leadNames: refuse },
  ...{ rename: nothing, detach: nothing, unpublish: nothing, cleanHost: nothing },
};
