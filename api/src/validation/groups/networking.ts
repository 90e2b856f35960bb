import { isIP } from "@tsukube/foundation/ip-address";
import { parseIpNetwork } from "@tsukube/foundation/ip-network";
import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { fieldError } from "../../status/field-error.ts";
import {
  all,
  type Check,
  child,
  each,
  element,
  exactlyOneOf,
  fields,
  isUnset,
  listOf,
  member,
  optional,
  port,
  required,
  run,
  text,
  unique,
  unlessUnset,
  valueAt,
} from "../check.ts";
import { endpointAddress } from "../core/endpoints.ts";
import { changed, frozen, type RuleTable, type UpdateCheck } from "../kind-rules.ts";
import { labelSelector } from "../label-selectors.ts";
import {
  canonicalCidr,
  cidr,
  dnsLabel,
  dnsSubdomain,
  ipAddress,
  pathSegment,
  portName,
  serviceName,
  wildcardSubdomain,
} from "../names.ts";

/** What named the class of an Ingress before `ingressClassName`. */
const CLASS_BEFORE = "kubernetes.io/ingress.class";

const backendService: Check = (value, at, errors) => {
  fields({ name: required(text(serviceName)) })(value, at, errors);
  const [name, number] = [valueAt(value, "port.name"), valueAt(value, "port.number")];
  const here = child(at, "port");
  const whole = at.replace(/\.service$/, ""); // upstream says of the backend what is wrong with both together
  if (isUnset(name) && isUnset(number)) errors.push(fieldError.required(whole, "port name or number is required"));
  else if (!isUnset(name) && !isUnset(number))
    errors.push(fieldError.invalid(whole, "", "cannot set both port name & port number"));
  else if (isUnset(number)) text(portName)(name, child(here, "name"), errors);
  else port(number, child(here, "number"), errors);
};

const backend: Check = (value, at, errors) => {
  const [service, resource] = [member(value, "service"), member(value, "resource")];
  if (service !== undefined && resource !== undefined)
    errors.push(fieldError.invalid(at, "", "cannot set both resource and service backends"));
  else if (resource !== undefined)
    fields({ kind: required(), name: required() })(resource, child(at, "resource"), errors);
  else if (service !== undefined) backendService(service, child(at, "service"), errors);
  else errors.push(fieldError.invalid(at, "", "resource or service backend is required"));
};

const ingressPath: Check = (value, at, errors) => {
  const type = member(value, "pathType");
  const path = String(member(value, "path") ?? "");
  if (type === undefined)
    return void errors.push(fieldError.required(child(at, "pathType"), "pathType must be specified"));
  exactlyOneOf("Exact", "ImplementationSpecific", "Prefix")(type, child(at, "pathType"), errors);
  if (type === "Exact" || type === "Prefix") {
    if (!path.startsWith("/")) errors.push(fieldError.invalid(child(at, "path"), path, "must be an absolute path"));
    for (const bad of ["//", "/./", "/../", "%2f", "%2F"]) {
      if (path.includes(bad)) errors.push(fieldError.invalid(child(at, "path"), path, `must not contain '${bad}'`));
    }
  } else if (type === "ImplementationSpecific" && path !== "" && !path.startsWith("/"))
    errors.push(fieldError.invalid(child(at, "path"), path, "must be an absolute path"));
  backend(member(value, "backend"), child(at, "backend"), errors);
};

const host: Check = unlessUnset((value, at, errors) => {
  if (isIP(String(value)) !== 0) errors.push(fieldError.invalid(at, value, "must be a DNS name, not an IP address"));
  text(String(value).includes("*") ? wildcardSubdomain : dnsSubdomain)(value, at, errors);
});

const tlsHost: Check = (value, at, errors) => {
  const name = String(value ?? "");
  text(name.includes("*") ? wildcardSubdomain : dnsSubdomain)(name, at, errors);
};

const ingressRule: Check = fields({
  host,
  http: optional((value, at, errors) => {
    if (listOf(member(value, "paths")).length === 0) errors.push(fieldError.required(child(at, "paths")));
    fields({ paths: each(ingressPath) })(value, at, errors);
  }),
});

const ingressSpec: Check = (value, at, errors) => {
  if (isUnset(member(value, "rules")) && member(value, "defaultBackend") === undefined) {
    const rules = member(value, "rules") ?? null; // upstream shows the rules as if they were the spec
    errors.push(fieldError.invalid(at, rules, "either `defaultBackend` or `rules` must be specified"));
  }
  fields({
    defaultBackend: optional(backend),
    rules: each(ingressRule),
    tls: each(fields({ hosts: each(tlsHost), secretName: unlessUnset(text(dnsSubdomain)) })),
    ingressClassName: optional(text(dnsSubdomain)),
  })(value, at, errors);
};

const controllerName: Check = required((value, at, errors) => {
  const name = String(value);
  if (name.length > 250) errors.push(fieldError.tooLong(at, 250));
  if (!name.includes("/") || name.split("/").some((part) => part === "")) {
    errors.push(fieldError.invalid(at, value, 'must be a domain-prefixed path (such as "acme.io/foo")'));
  }
});

const ingressScope: Check = (value, at, errors) => {
  if (value === undefined) errors.push(fieldError.required(at));
  else exactlyOneOf("Cluster", "Namespace")(value, at, errors);
};

const parameters: Check = (value, at, errors) => {
  fields({ kind: required(), name: required(), scope: ingressScope })(value, at, errors);
  const [scope, namespace] = [member(value, "scope"), member(value, "namespace")];
  if (scope === "Namespace" && isUnset(namespace))
    errors.push(fieldError.required(child(at, "namespace"), "`parameters.scope` is set to 'Namespace'"));
  if (scope === "Cluster" && !isUnset(namespace))
    errors.push(fieldError.forbidden(child(at, "namespace"), "`parameters.scope` is set to 'Cluster'"));
};

const policyPort: Check = (value, at, errors) => {
  const [number, end] = [member(value, "port"), member(value, "endPort")];
  exactlyOneOf("TCP", "UDP", "SCTP")(member(value, "protocol"), child(at, "protocol"), errors);
  if (typeof number === "number") {
    port(number, child(at, "port"), errors);
    if (end !== undefined && Number(end) < number)
      errors.push(fieldError.invalid(child(at, "endPort"), end, "must be greater than or equal to `port`"));
  } else if (typeof number === "string") {
    text(portName)(number, child(at, "port"), errors);
    if (end !== undefined)
      errors.push(fieldError.invalid(child(at, "endPort"), end, "may not be specified when `port` is non-numeric"));
  } else if (end !== undefined)
    errors.push(fieldError.invalid(child(at, "endPort"), end, "may not be specified when `port` is not specified"));
};

/** What is left out of a block lies within it, and is not all of it. */
const exceptions: Check = (block, at, errors) => {
  const whole = parseIpNetwork(String(member(block, "cidr") ?? ""));
  listOf(member(block, "except")).forEach((text, index) => {
    const part = parseIpNetwork(String(text));
    if (whole === undefined || part === undefined) return;
    const isWithin = part.family === whole.family && part.base >= whole.base && part.base < whole.base + whole.size;
    if (isWithin && part.bits > whole.bits) return;
    const here = element(child(at, "except"), index);
    errors.push(fieldError.invalid(here, text, "must be a strict subset of `cidr`"));
  });
};

const peer: Check = (value, at, errors) => {
  const selectors = ["podSelector", "namespaceSelector"].filter((name) => member(value, name) !== undefined);
  const block = member(value, "ipBlock");
  fields({
    podSelector: optional(labelSelector),
    namespaceSelector: optional(labelSelector),
    ipBlock: optional(fields({ cidr: required(text(cidr)), except: each(text(cidr)) }), exceptions),
  })(value, at, errors);
  if (selectors.length === 0 && block === undefined) errors.push(fieldError.required(at, "must specify a peer"));
  if (selectors.length > 0 && block !== undefined)
    errors.push(fieldError.forbidden(at, "may not specify both ipBlock and another peer"));
};

const networkPolicySpec: Check = fields({
  podSelector: labelSelector,
  ingress: each(fields({ ports: each(policyPort), from: each(peer) })),
  egress: each(fields({ ports: each(policyPort), to: each(peer) })),
  policyTypes: (value, at, errors) => {
    if (listOf(value).length > 2)
      errors.push(fieldError.invalid(at, value, "may not specify more than two policyTypes"));
    each(exactlyOneOf("Ingress", "Egress"))(value, at, errors);
  },
});

const parentReference: Check = (value, at, errors) => {
  if (value === undefined) return void errors.push(fieldError.required(at));
  fields({ resource: required(text(pathSegment)), name: required(text(pathSegment)) })(value, at, errors);
};

const serviceRanges: Check = (value, at, errors) => {
  const ranges = listOf(value);
  if (ranges.length === 0) return void errors.push(fieldError.required(at, "at least one CIDR required"));
  if (ranges.length > 2)
    return void errors.push(fieldError.invalid(at, { CIDRs: value }, "may only hold up to 2 values"));
  each(text(canonicalCidr))(value, at, errors);
  const [first, second] = ranges.map((range) => parseIpNetwork(String(range))?.family);
  if (first === undefined || first !== second) return;
  const why = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64";
  errors.push(fieldError.invalid(at, value, why));
};

const FIXED = "field is immutable";

/** A range of the other family can be added once, but the first stays. */
const rangesStay: UpdateCheck = (next, old) => {
  const at = "spec.cidrs";
  const [now, before] = [listOf(valueAt(next, at)), listOf(valueAt(old, at))];
  const isWidened = before.length === 1 && now.length === 2;
  if (before.length !== now.length && !isWidened) return [fieldError.invalid(at, now.length === 0 ? null : now, FIXED)];
  const errors = before.flatMap((range, index) =>
    now[index] === range ? [] : [fieldError.invalid(element(at, index), now[index], FIXED)],
  );
  return isWidened ? [...errors, ...run(serviceRanges, now, at)] : errors;
};

const slicePorts: Check = (value, at, errors) => {
  const names = listOf(value).map((one) => member(one, "name") ?? "");
  names.forEach((name, index) => {
    if (names.indexOf(name) < index) errors.push(fieldError.duplicate(child(element(at, index), "name"), name));
  });
  each(
    fields({
      name: unlessUnset(text(dnsLabel)),
      protocol: optional(exactlyOneOf("SCTP", "TCP", "UDP")),
      appProtocol: optional(text(labelKeyProblems)),
    }),
  )(value, at, errors);
};

function domainName(name: string): string[] {
  const domain = name.replace(/\.$/, "");
  const problems = dnsSubdomain(domain);
  if (problems.length > 0 || domain.includes(".")) return problems;
  return ["should be a domain with at least two segments separated by dots"];
}

const FAMILIES: Readonly<Record<string, number>> = { IPv4: 4, IPv6: 6 };

/** Addresses of endpoints are of the type of their slice. */
const sliceAddresses: Check = (object, _at, errors) => {
  const type = String(member(object, "addressType") ?? "");
  const family = FAMILIES[type];
  listOf(member(object, "endpoints")).forEach((endpoint, index) => {
    listOf(member(endpoint, "addresses")).forEach((value, place) => {
      const [address, at] = [String(value ?? ""), `endpoints[${index}].addresses[${place}]`];
      if (type === "FQDN") text(domainName)(address, at, errors);
      if (family === undefined) return;
      const problems = ipAddress(address);
      for (const problem of problems) errors.push(fieldError.invalid(at, address, problem));
      if (problems.length > 0) return;
      if (isIP(address) !== family) errors.push(fieldError.invalid(at, address, `must be an ${type} address`));
      endpointAddress(address, at, errors);
    });
  });
};

const addressName = (name: string): string[] => ipAddress(name);

/** Where both name a class, the older annotation names the same. */
const ingressClass: Check = (object, _at, errors) => {
  const annotated = member(valueAt(object, "metadata.annotations"), CLASS_BEFORE);
  const named = valueAt(object, "spec.ingressClassName");
  if (annotated === undefined || named === undefined || annotated === named) return;
  const why = "must match `ingressClassName` when both are specified";
  errors.push(fieldError.invalid(`annotations.${CLASS_BEFORE}`, annotated, why));
};

export const NETWORKING = {
  "networking.k8s.io/Ingress": { state: fields({ spec: ingressSpec }), create: ingressClass },
  "networking.k8s.io/IngressClass": {
    state: fields({ spec: fields({ controller: controllerName, parameters: optional(parameters) }) }),
    updateFirst: true,
    update: (next, old) =>
      changed(next, old, "spec.controller")
        ? [fieldError.invalid("spec.controller", valueAt(next, "spec.controller") ?? "", "field is immutable")]
        : [],
  },
  "networking.k8s.io/IPAddress": {
    name: addressName,
    state: fields({ spec: fields({ parentRef: parentReference }) }),
    update: frozen("spec.parentRef"),
  },
  "networking.k8s.io/NetworkPolicy": { state: fields({ spec: networkPolicySpec }) },
  "networking.k8s.io/ServiceCIDR": {
    state: fields({
      spec: fields({
        cidrs: serviceRanges,
      }),
    }),
    updateState: () => [],
    update: rangesStay,
  },
  "discovery.k8s.io/EndpointSlice": {
    state: all(
      sliceAddresses,
      fields({
        addressType: (value, at, errors) => {
          if (isUnset(value)) errors.push(fieldError.required(at));
          else exactlyOneOf("FQDN", "IPv4", "IPv6")(value, at, errors);
        },
        endpoints: each(
          fields({
            addresses: (value, at, errors) => {
              if (listOf(value).length === 0) errors.push(fieldError.required(at));
              if (listOf(value).length > 100) errors.push(fieldError.tooMany(at, listOf(value).length, 100));
            },
            nodeName: optional(text(dnsSubdomain)),
            hostname: unlessUnset(text(dnsLabel)),
            hints: optional(fields({ forZones: unique("name"), forNodes: unique("name") })),
          }),
        ),
        ports: slicePorts,
      }),
    ),
    update: frozen("addressType"),
  },
} satisfies RuleTable;
