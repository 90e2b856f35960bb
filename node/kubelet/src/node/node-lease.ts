import { ApiError } from "@tsukube/api";
import type { Lease } from "@tsukube/api/types/coordination-v1";
import type { Node } from "@tsukube/api/types/core-v1";
import type { Client } from "@tsukube/client";
import { type Clock, formatMicroTime } from "@tsukube/foundation";

const LEASES = { group: "coordination.k8s.io", version: "v1", resource: "leases" };
const NODES = { group: "", version: "v1", resource: "nodes" };
const NAMESPACE = "kube-node-lease";
const DURATION_SECONDS = 40;

/** Shows that the node lives; the lease goes with the Node object. */
export async function renewLease(client: Client, clock: Clock, nodeName: string): Promise<void> {
  const leases = client.resource<Lease>(LEASES, NAMESPACE);
  const renewTime = formatMicroTime(clock.now());
  try {
    const { metadata } = await leases.patch(nodeName, { type: "merge", body: { spec: { renewTime } } });
    if ((metadata?.ownerReferences ?? []).length > 0) return;
    const ownerReferences = await ownersOf(client, nodeName);
    if (ownerReferences.length > 0)
      await leases.patch(nodeName, { type: "merge", body: { metadata: { ownerReferences } } });
  } catch (error) {
    if (!ApiError.is(error, "NotFound")) throw error;
    const spec = { holderIdentity: nodeName, leaseDurationSeconds: DURATION_SECONDS, renewTime };
    await leases.create({ metadata: { name: nodeName, ownerReferences: await ownersOf(client, nodeName) }, spec });
  }
}

/** None while there is no Node: the next renewal looks again. */
async function ownersOf(client: Client, nodeName: string) {
  try {
    const { metadata } = await client.resource<Node>(NODES).get(nodeName);
    return [{ apiVersion: "v1", kind: "Node", name: nodeName, uid: metadata?.uid ?? "" }];
  } catch (error) {
    if (!ApiError.is(error, "NotFound")) throw error;
    return [];
  }
}
