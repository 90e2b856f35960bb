import { ApiError } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { Client } from "@tsukube/client";
import { PODS } from "../context.ts";
import { TRACKING_FINALIZER, uidOf } from "./job-state.ts";

/** Takes the tracking finalizer from the pod. One that is gone, or another by now, does not hold it either. */
export async function releaseFinalizer(client: Client, pod: Pod): Promise<void> {
  const { name = "", namespace } = pod.metadata ?? {};
  const metadata = { uid: uidOf(pod), "$deleteFromPrimitiveList/finalizers": [TRACKING_FINALIZER] };
  try {
    await client.resource<Pod>(PODS, namespace).patch(name, { type: "strategic", body: { metadata } });
  } catch (error) {
    const isGone = ApiError.is(error, "NotFound") || ApiError.is(error, "Conflict");
    if (!isGone) throw error;
  }
}
