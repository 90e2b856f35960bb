import type { GroupVersionKind } from "../schema.ts";
import { newEvent } from "./core/event.ts";
import { CORE } from "./core/rules.ts";
import { ADMISSION } from "./groups/admission.ts";
import { APPS } from "./groups/apps.ts";
import { AUTOSCALING } from "./groups/autoscaling.ts";
import { BATCH } from "./groups/batch.ts";
import { CERTIFICATES } from "./groups/certificates.ts";
import { CLUSTER } from "./groups/cluster.ts";
import { CUSTOM_RESOURCES } from "./groups/custom-resource-definitions.ts";
import { DEVICES } from "./groups/devices.ts";
import { LIFECYCLE } from "./groups/lifecycle.ts";
import { NETWORKING } from "./groups/networking.ts";
import { RBAC } from "./groups/rbac.ts";
import { REVIEWS } from "./groups/reviews.ts";
import { SCHEDULING } from "./groups/scheduling.ts";
import { STORAGE } from "./groups/storage.ts";
import { STORAGE_VERSIONS } from "./groups/storage-versions.ts";
import type { KindRules, RuleTable } from "./kind-rules.ts";

const RULES: RuleTable = {
  ...CORE,
  "events.k8s.io/Event": newEvent,
  ...ADMISSION,
  ...APPS,
  ...AUTOSCALING,
  ...BATCH,
  ...CERTIFICATES,
  ...CLUSTER,
  ...CUSTOM_RESOURCES,
  ...DEVICES,
  ...LIFECYCLE,
  ...NETWORKING,
  ...RBAC,
  ...REVIEWS,
  ...SCHEDULING,
  ...STORAGE,
  ...STORAGE_VERSIONS,
};

const META_ONLY: KindRules = {};

/** The rules of a kind; kinds without any are checked for metadata. */
export function rulesOf({ group, version, kind }: GroupVersionKind): KindRules {
  return RULES[`${group}/${version}.${kind}`] ?? RULES[`${group}/${kind}`] ?? META_ONLY;
}
