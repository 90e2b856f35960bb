import type { AdmissionPlugin } from "../../contracts.ts";
import { refusal } from "../refusal.ts";

/** Refuses every change: for tests of what clients make of that. */
export const alwaysDeny: AdmissionPlugin = {
  name: "AlwaysDeny",
  handles: () => true,
  async mutate(attributes) {
    throw refusal(attributes, "admission control is denying all modifications");
  },
};
