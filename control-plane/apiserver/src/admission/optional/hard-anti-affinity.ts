import type { Pod } from "@tsukube/api/types/core-v1";
import type { AdmissionPlugin } from "../../contracts.ts";
import { refusal } from "../refusal.ts";
import { isPodWrite } from "./pod-write.ts";

const HOSTNAME = "kubernetes.io/hostname";

/** No pod keeps others away from more than its node: from a whole zone, say. */
export const limitHardAntiAffinity: AdmissionPlugin = {
  name: "LimitPodHardAntiAffinityTopology",
  handles: isPodWrite,
  async validate(attributes) {
    const { podAntiAffinity } = (attributes.object as Pod).spec?.affinity ?? {};
    const terms = podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    const wider = terms.find(({ topologyKey }) => topologyKey !== HOSTNAME);
    if (wider === undefined) return;
    throw refusal(
      attributes,
      `affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey ${wider.topologyKey} but only key ${HOSTNAME} is allowed`,
    );
  },
};
