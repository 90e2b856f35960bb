import { misfit, type SchedulerPlugin } from "../framework.ts";

const NONE = misfit("cannot allocate all claims", true);

/** Devices that a pod claims. Nothing allocates any yet: a pod waits for them, as where no driver offers one. */
export const dynamicResources: SchedulerPlugin = {
  name: "DynamicResources",
  weight: 0,
  prepare(pod) {
    if ((pod.spec?.resourceClaims ?? []).length === 0) return undefined;
    return { filter: () => [NONE] };
  },
};
