import { NETWORKING } from "../../validation/groups/networking.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { balancerWarnings, ingressWarnings } from "../../warnings/networking.ts";
import { onlyNew } from "../../warnings/warner.ts";
import { created, name, or, shortList } from "../cells.ts";
import type { Resource } from "../resource.ts";

/** Ingress: networking.k8s.io/v1. */
export const ingresses: Resource = {
  group: "networking.k8s.io",
  resource: "ingresses",
  generation: true,
  rules: NETWORKING["networking.k8s.io/Ingress"],
  statusRules: STATUSES["networking.k8s.io/Ingress"],
  warnings: onlyNew(ingressWarnings),
  statusWarnings: balancerWarnings,
  cells: (object, now) => {
    const spec = object["spec"] as
      | { rules?: readonly { host?: string }[]; tls?: unknown[]; ingressClassName?: string }
      | undefined;
    const hosts = (spec?.rules ?? []).map(({ host }) => host ?? "").filter((host) => host !== "");
    const balanced =
      (object["status"] as { loadBalancer?: { ingress?: readonly { ip?: string; hostname?: string }[] } } | undefined)
        ?.loadBalancer?.ingress ?? [];
    return [
      name(object),
      or(spec?.ingressClassName ?? ""),
      hosts.length === 0 ? "*" : shortList(hosts),
      balanced.map(({ ip, hostname }) => ip ?? hostname).join(","),
      (spec?.tls ?? []).length > 0 ? "80, 443" : "80",
      created(object, now),
    ];
  },
};
