import type { Service } from "../../../generated/types/core-v1.ts";
import type { Unstructured } from "../../object.ts";
import { CORE } from "../../validation/core/rules.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { balancerWarnings, serviceWarnings } from "../../warnings/networking.ts";
import { age } from "../ages.ts";
import { labelsText, NONE, name, or } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { withoutFormerType } from "./service-type.ts";

/** Service: v1. */
export const services: Resource = {
  group: "",
  resource: "services",
  createOnUpdate: true,
  returnsDeleted: true,
  prepareForCreate: withoutIdlePolicy,
  prepareForUpdate: (next, old) => withoutIdlePolicy(withoutFormerType(next, old)),
  fieldLabels: { "spec.clusterIP": "spec.clusterIP", "spec.type": "spec.type" },
  rules: CORE["/Service"],
  statusRules: STATUSES["/Service"],
  warnings: serviceWarnings,
  statusWarnings: balancerWarnings,
  cells: (object, now) => serviceCells(object as Service, now),
};

/** There is no traffic within the cluster to what is outside. */
function withoutIdlePolicy(service: Unstructured): Unstructured {
  const spec = (service as Service).spec ?? {};
  if (spec.type !== "ExternalName" || spec.internalTrafficPolicy === undefined) return service;
  const { internalTrafficPolicy: _idle, ...rest } = spec;
  return { ...service, spec: rest };
}

function serviceCells(service: Service, now: number): readonly unknown[] {
  const spec = service.spec ?? {};
  const ports = (spec.ports ?? []).map(
    (port) => `${port.port}${(port.nodePort ?? 0) > 0 ? `:${port.nodePort}` : ""}/${port.protocol}`,
  );
  const ingress = (service.status?.loadBalancer?.ingress ?? []).map((entry) => entry.ip ?? entry.hostname ?? "");
  const external =
    spec.type === "ExternalName"
      ? (spec.externalName ?? "")
      : spec.type === "LoadBalancer"
        ? [...ingress, ...(spec.externalIPs ?? [])].join(",") || "<pending>"
        : or((spec.externalIPs ?? []).join(","));
  return [
    name(service),
    spec.type,
    spec.type === "ExternalName" ? NONE : or(spec.clusterIP ?? ""),
    external,
    or(ports.join(",")),
    age(service.metadata?.creationTimestamp, now),
    labelsText(spec.selector),
  ];
}
