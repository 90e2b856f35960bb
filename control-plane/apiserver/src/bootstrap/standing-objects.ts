import type { WriterDeps } from "../endpoints/writer.ts";
import { type BootstrapDeps, bootstrap } from "./bootstrap.ts";
import { FLOW_CONTROL, removeDangling } from "./flow-control-objects.ts";
import { type Advertised, kubernetesService } from "./kubernetes-service.ts";
import { type RepeatedlyDeps, repeatedly } from "./repeatedly.ts";
import { SERVICE_CIDRS, serviceRange } from "./service-range.ts";

const SERVICE_EVERY_MS = 10_000;
const OTHERS_EVERY_MS = 60_000;

/**
 * Makes what a cluster cannot be without, and makes it again when somebody deleted it: the `kubernetes` Service with its endpoint and the
 * networks of Services within 10 s, the namespaces of the system and the objects of flow control within a minute, as upstream does.
 */
export async function standingObjects(
  deps: WriterDeps & RepeatedlyDeps,
  serviceCidr: string,
  advertised: Advertised,
): Promise<void> {
  const more = (): BootstrapDeps => ({
    ...deps,
    more: [{ [SERVICE_CIDRS]: [serviceRange(serviceCidr)] }],
  });
  await kubernetesService(deps, serviceCidr, advertised, { service: true, endpoints: true });
  // servers that share a store would take turns at being the endpoint
  const corrects = { service: false, endpoints: !deps.store.cache.store.isShared };
  repeatedly(deps, "keep the Service of this server", SERVICE_EVERY_MS, async () => {
    await bootstrap(more(), [SERVICE_CIDRS]);
    await kubernetesService(deps, serviceCidr, advertised, corrects);
  });
  repeatedly(deps, "keep the objects of the system", OTHERS_EVERY_MS, async () => {
    await bootstrap(more(), ["v1 namespaces", ...FLOW_CONTROL]);
    await removeDangling(more());
  });
}
