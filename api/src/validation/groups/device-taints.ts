import { labelKeyProblems, labelValueProblems } from "../../selectors/label-syntax.ts";
import { type Check, fields, oneOf, optional, text, unlessUnset } from "../check.ts";
import { driverName } from "../core/volume-sources.ts";
import { dnsLabel } from "../names.ts";
import { poolName } from "./device-names.ts";

const EFFECTS = ["NoExecute", "NoSchedule", "None"];

export const deviceTaint: Check = fields({ key: text(labelKeyProblems), value: unlessUnset(text(labelValueProblems)) });
export const declaredTaint: Check = fields({ effect: oneOf(...EFFECTS) });

/** resource.k8s.io's DeviceTaintRule. */
export const taintRule: Check = fields({
  spec: fields({
    deviceSelector: optional(
      fields({
        driver: optional(driverName),
        pool: optional(poolName),
        device: optional(text(dnsLabel)),
      }),
    ),
    taint: deviceTaint,
  }),
});

export const declaredTaintRule: Check = fields({ spec: fields({ taint: declaredTaint }) });
