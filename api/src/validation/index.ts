export { type QosClass, qosClassOf } from "./core/pod-resize.ts";
export { isExtendedResource } from "./core/resources.ts";
export { tolerationErrors } from "./core/scheduling.ts";
export { serviceAddressErrors } from "./core/service-addresses.ts";
export { domainPrefixedPath } from "./domain-prefixed-path.ts";
export { MAX_MANAGER_BYTES, managerErrors, PLAIN_MANAGER } from "./manager-name.ts";
export { cidr, configMapKey, dns1035Label, dnsLabel, dnsSubdomain, ipAddress, pathSegment } from "./names.ts";
export { validateMeta, validateMetaUpdate } from "./object-meta.ts";
export { validateCreate, validateUpdate } from "./validate.ts";
