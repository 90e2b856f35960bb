import { jsonEqual } from "../../patch/json-equal.ts";
import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import {
  between,
  type Check,
  child,
  each,
  element,
  fields,
  isUnset,
  listOf,
  member,
  oneOf,
  optional,
  port,
  text,
  unlessUnset,
  valueAt,
} from "../check.ts";
import { isIP } from "../ip-address.ts";
import type { KindRules, UpdateCheck } from "../kind-rules.ts";
import { cidr, dnsLabel, dnsSubdomain, ipAddress, serviceName } from "../names.ts";
import { labels } from "../object-meta.ts";
import { portReference } from "./probes.ts";

const TYPES = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"] as const;

const servicePort = (mustBeNamed: boolean): Check =>
  fields({
    name: (value, at, errors) => {
      if (isUnset(value)) {
        if (mustBeNamed) errors.push(fieldError.required(at));
      } else text(dnsLabel)(value, at, errors);
    },
    port,
    protocol: oneOf("SCTP", "TCP", "UDP"),
    targetPort: optional(portReference),
    appProtocol: optional(text(labelKeyProblems)),
  });

const ports: Check = (value, at, errors) => {
  const list = listOf(value);
  const check = servicePort(list.length > 1);
  const [names, numbers, nodePorts] = [new Set<unknown>(), new Set<string>(), new Set<string>()];
  list.forEach((one, index) => {
    const here = element(at, index);
    check(one, here, errors);
    const name = member(one, "name");
    if (!isUnset(name) && names.has(name)) errors.push(fieldError.duplicate(child(here, "name"), name));
    names.add(name);
    refuseSecond(numbers, `${String(member(one, "protocol"))}/${String(member(one, "port"))}`, () =>
      errors.push(fieldError.duplicate(here, one)),
    );
    const nodePort = member(one, "nodePort");
    if (isUnset(nodePort)) return;
    const id = `${String(member(one, "protocol"))}/${String(nodePort)}`;
    refuseSecond(nodePorts, id, () => errors.push(fieldError.duplicate(child(here, "nodePort"), nodePort)));
  });
};

function refuseSecond(seen: Set<string>, id: string, refuse: () => void): void {
  if (seen.has(id)) refuse();
  seen.add(id);
}

function isHeadless(spec: unknown): boolean {
  return member(spec, "clusterIP") === "None" || listOf(member(spec, "clusterIPs"))[0] === "None";
}

const byType: Check = (spec, at, errors) => {
  const type = member(spec, "type");
  if (isUnset(member(spec, "ports")) && !isHeadless(spec) && type !== "ExternalName")
    errors.push(fieldError.required(child(at, "ports")));
  if (type === "LoadBalancer" && isHeadless(spec)) {
    errors.push(
      fieldError.invalid(
        element(child(at, "clusterIPs"), 0),
        "None",
        "may not be set to 'None' for LoadBalancer services",
      ),
    );
  }
  if (type === "NodePort" && isHeadless(spec)) {
    errors.push(
      fieldError.invalid(element(child(at, "clusterIPs"), 0), "None", "may not be set to 'None' for NodePort services"),
    );
  }
  if (type === "ExternalName") externalName(spec, at, errors);
};

const externalName: Check = (spec, at, errors) => {
  if (!isUnset(member(spec, "clusterIPs")) || !isUnset(member(spec, "clusterIP"))) {
    errors.push(fieldError.forbidden(child(at, "clusterIPs"), "may not be set for ExternalName services"));
  }
  const name = String(member(spec, "externalName") ?? "").replace(/\.$/, "");
  if (name === "") errors.push(fieldError.required(child(at, "externalName")));
  else text(dnsSubdomain)(name, child(at, "externalName"), errors);
};

const externalTraffic: Check = (spec, at, errors) => {
  const policy = member(spec, "externalTrafficPolicy");
  const here = child(at, "externalTrafficPolicy");
  const type = member(spec, "type");
  const reachable =
    type === "NodePort" || type === "LoadBalancer" || (type === "ClusterIP" && !isUnset(member(spec, "externalIPs")));
  if (reachable) oneOf("Cluster", "Local")(policy, here, errors);
  else if (!isUnset(policy)) {
    errors.push(fieldError.invalid(here, policy, "may only be set for externally-accessible services"));
  }
  const healthPort = member(spec, "healthCheckNodePort");
  const wanted = type === "LoadBalancer" && policy === "Local";
  if (!isUnset(healthPort) && !wanted) {
    const why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.push(fieldError.invalid(child(at, "healthCheckNodePort"), healthPort, why));
  }
};

const clusterAddresses: Check = (value, at, errors) => {
  listOf(value).forEach((address, index) => {
    if (address !== "None") text(ipAddress)(address, element(at, index), errors);
    else if (index > 0 || listOf(value).length > 1) {
      errors.push(
        fieldError.invalid(
          element(at, index),
          address,
          "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
        ),
      );
    }
  });
};

const families: Check = (value, at, errors) => {
  const list = listOf(value);
  list.forEach((family, index) => {
    if (family !== "IPv4" && family !== "IPv6")
      errors.push(fieldError.notSupported(element(at, index), family, ["IPv4", "IPv6"]));
    if (index > 0 && list.indexOf(family) < index) errors.push(fieldError.duplicate(element(at, index), family));
  });
  if (list.length > 2) errors.push(fieldError.invalid(at, list, "may only hold up to 2 values"));
};

const spec: Check = (value, at, errors) => {
  byType(value, at, errors);
  fields({
    ports,
    type: oneOf(...TYPES),
    selector: labels,
    sessionAffinity: oneOf("ClientIP", "None"),
    sessionAffinityConfig: fields({ clientIP: fields({ timeoutSeconds: optional(between(1, 86_400)) }) }),
    clusterIPs: clusterAddresses,
    ipFamilies: families,
    ipFamilyPolicy: optional(oneOf("PreferDualStack", "RequireDualStack", "SingleStack")),
    externalIPs: each(text(ipAddress)),
    loadBalancerSourceRanges: each(text(cidr)),
    loadBalancerClass: optional(text(labelKeyProblems)),
    internalTrafficPolicy: optional(oneOf("Cluster", "Local")),
    trafficDistribution: unlessUnset(oneOf("PreferClose", "PreferSameNode", "PreferSameZone")),
  })(value, at, errors);
  externalTraffic(value, at, errors);
};

/** clusterIP and clusterIPs[0] say the same; who changes only the first means both. */
function addressesOf(next: unknown, old: unknown): readonly unknown[] {
  const [single, list] = [valueAt(next, "spec.clusterIP"), listOf(valueAt(next, "spec.clusterIPs"))];
  const onlySingle =
    single !== valueAt(old, "spec.clusterIP") && jsonEqual(list, listOf(valueAt(old, "spec.clusterIPs")));
  return onlySingle && !isUnset(single) ? [single, ...list.slice(1)] : list;
}

/** Primary address and family stay once set, as long as the type needs an address. */
const addressesStay: UpdateCheck = (next, old) => {
  const errors: FieldError[] = [];
  if (valueAt(next, "spec.type") === "ExternalName" || valueAt(old, "spec.type") === "ExternalName") return errors;
  const at = "spec.clusterIPs";
  const [now, before] = [addressesOf(next, old), listOf(valueAt(old, at))];
  const single = valueAt(next, "spec.clusterIP");
  if (!isUnset(single) && now.length > 0 && now[0] !== single) {
    return [fieldError.invalid(at, now, "first value must match `clusterIP`")];
  }
  if (before[0] !== undefined && now[0] !== before[0]) {
    errors.push(
      fieldError.invalid(
        `${at}[0]`,
        now,
        now[0] === undefined ? "primary clusterIP can not be unset" : "may not change once set",
      ),
    );
  }
  return [...errors, ...familiesFit(now, listOf(valueAt(next, "spec.ipFamilies")))];
};

/** Each address is of the family that stands at its place. */
function familiesFit(addresses: readonly unknown[], families: readonly unknown[]): FieldError[] {
  return addresses.flatMap((address, index) => {
    const family = isIP(String(address));
    if (family === 0 || families[index] === undefined || families[index] === `IPv${family}`) return [];
    const why = `expected an ${String(families[index])} value as indicated by \`ipFamilies[${index}]\``;
    return [fieldError.invalid(`spec.clusterIPs[${index}]`, addresses, why)];
  });
}

const healthPortStays: UpdateCheck = (next, old) => {
  const needs = (service: unknown): boolean =>
    valueAt(service, "spec.type") === "LoadBalancer" && valueAt(service, "spec.externalTrafficPolicy") === "Local";
  const at = "spec.healthCheckNodePort";
  if (!needs(next) || !needs(old) || valueAt(next, at) === valueAt(old, at)) return [];
  return [fieldError.forbidden(at, "field is immutable")];
};

const sameAddress: Check = (object, _at, errors) => {
  const [single, list] = [valueAt(object, "spec.clusterIP"), listOf(valueAt(object, "spec.clusterIPs"))];
  if (!isUnset(single) && list.length > 0 && list[0] !== single)
    errors.push(fieldError.invalid("spec.clusterIPs", list, "first value must match `clusterIP`"));
};

export const service: KindRules = {
  create: sameAddress,
  name: serviceName,
  state: fields({ spec }),
  update: (next, old, context) => [...addressesStay(next, old, context), ...healthPortStays(next, old, context)],
};
