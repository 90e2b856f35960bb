import { isIP } from "@tsukube/foundation/ip-address";
import { JsonText } from "../../codec/json-encode.ts";
import type { Unstructured } from "../../object.ts";
import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import {
  type Check,
  child,
  element,
  exactlyOneOf,
  fields,
  isUnset,
  listOf,
  member,
  oneOf,
  optional,
  port,
  required,
  run,
  text,
  valueAt,
} from "../check.ts";
import type { KindRules, UpdateCheck } from "../kind-rules.ts";
import { cidr, dnsLabel, dnsSubdomain, ipAddress, serviceName } from "../names.ts";
import { labels } from "../object-meta.ts";
import { endpointAddress } from "./endpoints.ts";
import { portReference } from "./probes.ts";
import { addressesStay, isHeadless, serviceAddressErrors } from "./service-addresses.ts";

type Errors = FieldError[];

/** A day. */
const LONGEST_AFFINITY = 86_400;

/** What a Service is checked with. */
interface Subject {
  readonly service: Unstructured;
  readonly spec: unknown;
  readonly type: unknown;
  /** Before an update: addresses and ranges that it had may stay. */
  readonly old: Unstructured | undefined;
}

function serviceErrors(service: Unstructured, old?: Unstructured): Errors {
  const spec = valueAt(service, "spec");
  const subject: Subject = { service, spec, type: member(spec, "type"), old };
  const errors: Errors = [];
  topologyMode(subject, errors);
  byType(subject, errors);
  ports(subject, errors);
  fields({ selector: labels, sessionAffinity: oneOf("ClientIP", "None") })(spec, "spec", errors);
  affinity(subject, errors);
  errors.push(...serviceAddressErrors(service, old));
  externalAddresses(subject, errors);
  fields({ type: oneOf("ClusterIP", "ExternalName", "LoadBalancer", "NodePort") })(spec, "spec", errors);
  portNumbers(subject, errors);
  sourceRanges(subject, errors);
  balancer(subject, errors);
  externalTraffic(subject, errors);
  internalTraffic(subject, errors);
  fields({ trafficDistribution: optional(distribution) })(spec, "spec", errors);
  return errors;
}

const MODE = "service.kubernetes.io/topology-mode";
const HINTS = "service.kubernetes.io/topology-aware-hints";

function topologyMode({ service }: Subject, errors: Errors): void {
  const annotations = valueAt(service, "metadata.annotations");
  const [mode, hints] = [member(annotations, MODE), member(annotations, HINTS)];
  if (mode === undefined || hints === undefined || mode === hints) return;
  const why = `must match annotations[${HINTS}] when both are specified`;
  errors.push(fieldError.invalid(`metadata.annotations[${MODE}]`, mode, why));
}

function byType({ service, spec, type }: Subject, errors: Errors): void {
  const headless = isHeadless(service);
  if (isUnset(member(spec, "ports")) && !headless && type !== "ExternalName")
    errors.push(fieldError.required("spec.ports"));
  if ((type === "LoadBalancer" || type === "NodePort") && headless)
    errors.push(fieldError.invalid("spec.clusterIPs[0]", "None", `may not be set to 'None' for ${type} services`));
  if (type !== "ExternalName") return;
  for (const name of ["clusterIPs", "ipFamilies", "ipFamilyPolicy"])
    if (!isUnset(member(spec, name)))
      errors.push(fieldError.forbidden(`spec.${name}`, "may not be set for ExternalName services"));
  const name = String(member(spec, "externalName") ?? "").replace(/\.$/, "");
  required(text(dnsSubdomain))(name, "spec.externalName", errors);
}

function ports({ spec }: Subject, errors: Errors): void {
  const list = listOf(member(spec, "ports"));
  const names = new Set<unknown>();
  const name: Check = (value, at, found) => {
    if (isUnset(value)) {
      if (list.length > 1) found.push(fieldError.required(at));
      return;
    }
    text(dnsLabel)(value, at, found);
    if (names.has(value)) found.push(fieldError.duplicate(at, value));
    names.add(value);
  };
  const check = fields({
    name,
    port,
    protocol: oneOf("SCTP", "TCP", "UDP"),
    targetPort: portReference,
    appProtocol: optional(text(labelKeyProblems)),
  });
  list.forEach((one, index) => {
    check(one, element("spec.ports", index), errors);
  });
}

function affinity({ spec }: Subject, errors: Errors): void {
  const [kind, config] = [member(spec, "sessionAffinity"), member(spec, "sessionAffinityConfig")];
  const at = "spec.sessionAffinityConfig";
  if (kind === "None" && config !== undefined)
    errors.push(fieldError.forbidden(at, "must not be set when session affinity is None"));
  if (kind !== "ClientIP") return;
  const seconds = valueAt(config, "clientIP.timeoutSeconds");
  const here = `${at}.clientIP.timeoutSeconds`;
  const missing =
    config === undefined
      ? at
      : member(config, "clientIP") === undefined
        ? `${at}.clientIP`
        : seconds === undefined
          ? here
          : "";
  if (missing !== "") errors.push(fieldError.required(missing, "when session affinity type is ClientIP"));
  else if (Number(seconds) <= 0 || Number(seconds) > LONGEST_AFFINITY) {
    const why = `must be greater than 0 and less than ${LONGEST_AFFINITY}`;
    errors.push(fieldError.invalid(here, seconds, why));
  }
}

function externalAddresses({ spec, old }: Subject, errors: Errors): void {
  const kept = listOf(valueAt(old, "spec.externalIPs"));
  listOf(member(spec, "externalIPs")).forEach((address, index) => {
    const at = element("spec.externalIPs", index);
    const wrong = kept.includes(address) ? [] : run(text(ipAddress), address, at);
    errors.push(...(wrong.length > 0 ? wrong : run(endpointAddress, address, at)));
  });
}

/** Node ports are for types that have them; each protocol has a number once. */
function portNumbers({ spec, type }: Subject, errors: Errors): void {
  const list = listOf(member(spec, "ports"));
  const at = (index: number): string => element("spec.ports", index);
  list.forEach((one, index) => {
    if (type === "ClusterIP" && !isUnset(member(one, "nodePort")))
      errors.push(fieldError.forbidden(`${at(index)}.nodePort`, "may not be used when `type` is 'ClusterIP'"));
  });
  const seen = new Set<string>();
  const isSecond = (...id: readonly unknown[]): boolean => seen.size === seen.add(id.join("/")).size;
  list.forEach((one, index) => {
    const nodePort = member(one, "nodePort");
    if (!isUnset(nodePort) && isSecond("node", member(one, "protocol"), nodePort))
      errors.push(fieldError.duplicate(`${at(index)}.nodePort`, nodePort));
  });
  list.forEach((one, index) => {
    if (isSecond("own", member(one, "protocol"), member(one, "port")))
      errors.push(fieldError.duplicate(at(index), shownPort(one)));
  });
}

/** Upstream shows the port as its own type does, with what makes it a duplicate alone. */
function shownPort(one: unknown): JsonText {
  const [protocol, number] = [member(one, "protocol"), member(one, "port")];
  return new JsonText(
    `{"Name":"","Protocol":${JSON.stringify(protocol ?? "")},"AppProtocol":null,"Port":${Number(number ?? 0)},"TargetPort":0,"NodePort":0}`,
  );
}

const RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges";
const ONLY_BALANCER = "may only be used when `type` is 'LoadBalancer'";

/** Upstream names the field so. */
function sourceRanges({ service, spec, type, old }: Subject, errors: Errors): void {
  const annotation = member(valueAt(service, "metadata.annotations"), RANGES);
  const ranges = listOf(member(spec, "loadBalancerSourceRanges")).map((range) => String(range).trim());
  if (ranges.length > 0) {
    const at = "spec.LoadBalancerSourceRanges";
    if (type !== "LoadBalancer") errors.push(fieldError.forbidden(at, ONLY_BALANCER));
    const kept = listOf(valueAt(old, "spec.loadBalancerSourceRanges")).map((range) => String(range).trim());
    ranges.forEach((range, index) => {
      if (!kept.includes(range)) text(cidr)(range, element(at, index), errors);
    });
  } else if (annotation !== undefined) {
    const at = `metadata.annotations[${RANGES}]`;
    if (type !== "LoadBalancer") errors.push(fieldError.forbidden(at, ONLY_BALANCER));
    const isKept = member(valueAt(old, "metadata.annotations"), RANGES) === annotation;
    if (isKept || String(annotation).trim() === "") return;
    for (const range of String(annotation).split(",")) text(cidr)(range.trim(), at, errors);
  }
}

function balancer({ spec, type }: Subject, errors: Errors): void {
  const isBalancer = type === "LoadBalancer";
  const allocates = member(spec, "allocateLoadBalancerNodePorts");
  if (allocates !== undefined && !isBalancer)
    errors.push(fieldError.forbidden("spec.allocateLoadBalancerNodePorts", ONLY_BALANCER));
  if (allocates === undefined && isBalancer) errors.push(fieldError.required("allocateLoadBalancerNodePorts"));
  errors.push(...balancerClass(spec, isBalancer));
}

function balancerClass(spec: unknown, isBalancer: boolean): Errors {
  const [name, at] = [member(spec, "loadBalancerClass"), "spec.loadBalancerClass"];
  if (name === undefined) return [];
  return isBalancer ? run(text(labelKeyProblems), name, at) : [fieldError.forbidden(at, ONLY_BALANCER)];
}

function needsHealthCheck(service: Unstructured): boolean {
  return valueAt(service, "spec.type") === "LoadBalancer" && valueAt(service, "spec.externalTrafficPolicy") === "Local";
}

function externalTraffic({ service, spec, type }: Subject, errors: Errors): void {
  const [policy, check] = [member(spec, "externalTrafficPolicy"), member(spec, "healthCheckNodePort")];
  const isReachable =
    type === "NodePort" || type === "LoadBalancer" || (type === "ClusterIP" && !isUnset(member(spec, "externalIPs")));
  if (isReachable) oneOf("Cluster", "Local")(policy, "spec.externalTrafficPolicy", errors);
  else if (!isUnset(policy)) {
    const why = "may only be set for externally-accessible services";
    errors.push(fieldError.invalid("spec.externalTrafficPolicy", policy, why));
  }
  const at = "spec.healthCheckNodePort";
  if (needsHealthCheck(service)) required(port)(check, at, errors);
  else if (!isUnset(check)) {
    const why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.push(fieldError.invalid(at, check, why));
  }
}

function internalTraffic({ spec, type }: Subject, errors: Errors): void {
  const policy = member(spec, "internalTrafficPolicy");
  const at = "spec.internalTrafficPolicy";
  if (policy !== undefined) return void exactlyOneOf("Cluster", "Local")(policy, at, errors);
  if (["NodePort", "LoadBalancer", "ClusterIP"].includes(String(type))) errors.push(fieldError.required(at));
}

const distribution: Check = (value, at, errors) => {
  const all = ["PreferClose", "PreferSameZone", "PreferSameNode"];
  if (!all.includes(String(value))) errors.push(fieldError.notSupported(at, value, all));
};

const classStays: UpdateCheck = (next, old) => {
  const at = "spec.loadBalancerClass";
  const isBalancer = (service: Unstructured): boolean => valueAt(service, "spec.type") === "LoadBalancer";
  const [now, before] = [valueAt(next, at), valueAt(old, at)];
  const fixed =
    isBalancer(next) && isBalancer(old) && now !== before
      ? [fieldError.invalid(at, now ?? null, "may not change once set")]
      : [];
  return [...fixed, ...balancerClass(valueAt(next, "spec"), isBalancer(next))];
};

const healthPortStays: UpdateCheck = (next, old) => {
  const at = "spec.healthCheckNodePort";
  if (!needsHealthCheck(next) || !needsHealthCheck(old) || valueAt(next, at) === valueAt(old, at)) return [];
  return [fieldError.forbidden(at, "field is immutable")];
};

/** The addresses at which a load balancer answers. */
const balancerStatus: UpdateCheck = (next, old) => {
  const at = "status.loadBalancer.ingress";
  const ingress = listOf(valueAt(next, at));
  if (valueAt(next, "spec.type") !== "LoadBalancer" && ingress.length > 0)
    return [fieldError.forbidden(at, "may only be used when `spec.type` is 'LoadBalancer'")];
  const kept = listOf(valueAt(old, at)).map((one) => member(one, "ip"));
  return ingress.flatMap((one, index) => ingressErrors(one, kept, element(at, index)));
};

function ingressErrors(one: unknown, kept: readonly unknown[], at: string): Errors {
  const [ip, mode] = [member(one, "ip") ?? "", member(one, "ipMode")];
  const errors = ip === "" || kept.includes(ip) ? [] : run(text(ipAddress), ip, child(at, "ip"));
  const here = child(at, "ipMode");
  if (mode === undefined) {
    if (ip !== "") errors.push(fieldError.required(here, "must be specified when `ip` is set"));
  } else if (ip === "") errors.push(fieldError.forbidden(here, "may not be specified when `ip` is not set"));
  else if (mode !== "VIP" && mode !== "Proxy") errors.push(fieldError.notSupported(here, mode, ["Proxy", "VIP"]));
  return [...errors, ...hostnameErrors(member(one, "hostname"), child(at, "hostname"))];
}

/** The name of a load balancer. */
function hostnameErrors(hostname: unknown, at: string): Errors {
  if (isUnset(hostname)) return [];
  const errors = run(text(dnsSubdomain), hostname, at);
  const why = "must be a DNS name, not an IP address";
  return isIP(String(hostname)) === 0 ? errors : [...errors, fieldError.invalid(at, hostname, why)];
}

export const service: KindRules = {
  name: serviceName,
  state: (object, _at, errors) => {
    errors.push(...serviceErrors(object as Unstructured));
  },
  updateState: (next, old) => serviceErrors(next, old),
  updateFirst: true,
  update: (next, old, context) => [
    ...addressesStay(next, old, context),
    ...classStays(next, old, context),
    ...healthPortStays(next, old, context),
  ],
  subresources: { status: balancerStatus },
};
