import { expect, test } from "vitest";
import { statusPatch } from "./pod-api.ts";

test("a patch replaces addresses, clears reasons that no longer hold, and removes what is over", () => {
  const pod = {
    status: {
      conditions: [
        { type: "Ready", status: "False", reason: "ContainersNotReady", message: "m" },
        { type: "PodResizePending", status: "True" },
        { type: "other", status: "True" },
      ],
    },
  };
  const status = { phase: "Running", podIPs: [{ ip: "10.0.0.2" }], conditions: [{ type: "Ready", status: "True" }] };
  expect(statusPatch(pod, status)).toEqual({
    phase: "Running",
    podIPs: [{ $patch: "replace" }, { ip: "10.0.0.2" }],
    conditions: [
      { type: "Ready", status: "True", reason: null, message: null, lastProbeTime: null },
      { $patch: "delete", type: "PodResizePending" },
    ],
  });
});
