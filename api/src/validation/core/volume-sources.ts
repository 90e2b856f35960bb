import { fieldError } from "../../status/field-error.ts";
import {
  all,
  between,
  type Check,
  child,
  entriesOf,
  fields,
  isUnset,
  listOf,
  member,
  optional,
  optionalOneOf,
  required,
  text,
  unlessUnset,
} from "../check.ts";
import { dnsLabel, dnsSubdomain } from "../names.ts";
import { pullPolicy } from "./image-policy.ts";
import { noBackSteps } from "./volume-files.ts";

/** Checks what a volume may come from: pods and PersistentVolumes share most of it. */

/** A source by its name in a spec. `shown` is how its own errors name it, `known` how errors beside another source do. */
export interface VolumeSource {
  readonly name: string;
  readonly check: Check;
  readonly shown?: string;
  readonly known?: string;
  /** May stand beside another. */
  readonly joins?: boolean;
}

/** Exactly one of the sources, in the order in which upstream looks for them. */
export function oneSource(sources: readonly VolumeSource[]): Check {
  return (value, at, errors) => {
    let count = 0;
    for (const { name, check, shown = name, known = name, joins = false } of sources) {
      const body = member(value, name);
      if (body === undefined) continue;
      if (count > 0 && !joins)
        errors.push(fieldError.forbidden(child(at, known), "may not specify more than 1 volume type"));
      else check(body, child(at, shown), errors);
      count += 1;
    }
    if (count === 0) errors.push(fieldError.required(at, "must specify a volume type"));
  };
}

const HOST_PATH_TYPES = [
  ...["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate"],
  ...["File", "FileOrCreate", "Socket"],
];

export const hostPath: Check = (value, at, errors) => {
  if (isUnset(member(value, "path"))) errors.push(fieldError.required(child(at, "path")));
  else fields({ path: noBackSteps, type: optionalOneOf(...HOST_PATH_TYPES) })(value, at, errors);
};

export const nfs: Check = fields({
  server: required(),
  path: all(required(), (value, at, errors) => {
    if (!String(value ?? "").startsWith("/"))
      errors.push(fieldError.invalid(at, value ?? "", "must be an absolute path"));
  }),
});

const partition: Check = (value, at, errors) => {
  const number = Number(value ?? 0);
  if (number < 0 || number > 255) errors.push(fieldError.invalid(at, value, "must be between 1 and 255, inclusive"));
};

export const gcePersistentDisk: Check = fields({ pdName: required(), partition });
export const awsElasticBlockStore: Check = fields({ volumeID: required(), partition });

const ISCSI_NAMES: Readonly<Record<string, RegExp>> = {
  iqn: /iqn\.\d{4}-\d{2}\.([a-zA-Z0-9.-]+)(:[^,;*&$|\s]+)$/,
  eui: /^eui.[a-zA-Z0-9]{16}$/,
  naa: /^naa.[a-zA-Z0-9]{32}$/,
};

/** @param unknown What is said of a name of no known form. */
function iscsiName(unknown: string): Check {
  return (value, at, errors) => {
    const form = ISCSI_NAMES[String(value).slice(0, 3)];
    if (form === undefined) errors.push(fieldError.invalid(at, value, unknown));
    else if (!form.test(String(value))) errors.push(fieldError.invalid(at, value, "must be valid format"));
  };
}

const lun = between(0, 255);

const chapSecret: Check = (value, at, errors) => {
  const isAsked = member(value, "chapAuthDiscovery") === true || member(value, "chapAuthSession") === true;
  if (isAsked && member(value, "secretRef") === undefined) errors.push(fieldError.required(child(at, "secretRef")));
};

const ANY_ISCSI = "must be valid format starting with iqn, eui, or naa";

export const iscsi: Check = (value, at, errors) => {
  fields({ targetPortal: required(), iqn: required(iscsiName(ANY_ISCSI)), lun })(value, at, errors);
  chapSecret(value, at, errors);
  const initiator = member(value, "initiatorName");
  if (initiator !== undefined) iscsiName(ANY_ISCSI)(initiator, child(at, "initiatorname"), errors);
};

const TOO_LONG =
  "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";

/** Whether an initiator's name has no room beside the volume's and the portal. */
export function isIscsiNameTooLong(source: unknown, volume: string): boolean {
  const portal = String(member(source, "targetPortal") ?? "");
  return member(source, "initiatorName") !== undefined && `${volume}:${portal}`.length > 64;
}

export const iscsiTooLong = TOO_LONG;

/** @param volume The name of the PersistentVolume. */
export function persistentIscsi(volume: string): Check {
  const name = iscsiName("must be valid format");
  return (value, at, errors) => {
    required()(member(value, "targetPortal"), child(at, "targetPortal"), errors);
    if (isIscsiNameTooLong(value, volume))
      errors.push(fieldError.invalid(child(at, "targetportal"), member(value, "targetPortal") ?? "", TOO_LONG));
    fields({ iqn: required(name), lun })(value, at, errors);
    chapSecret(value, at, errors);
    fields({ secretRef: optional(fields({ name: required() })) })(value, at, errors);
    const initiator = member(value, "initiatorName");
    if (initiator !== undefined) name(initiator, child(at, "initiatorname"), errors);
  };
}

export const fc: Check = (value, at, errors) => {
  const [names, ids, unit] = [
    listOf(member(value, "targetWWNs")),
    listOf(member(value, "wwids")),
    member(value, "lun"),
  ];
  const here = child(at, "targetWWNs");
  if (names.length === 0 && ids.length === 0)
    errors.push(fieldError.required(here, "must specify either targetWWNs or wwids, but not both"));
  if (names.length > 0 && ids.length > 0)
    errors.push(fieldError.invalid(here, names, "targetWWNs and wwids can not be specified simultaneously"));
  if (names.length === 0) return;
  if (unit === undefined)
    errors.push(fieldError.required(child(at, "lun"), "lun is required if targetWWNs is specified"));
  else lun(unit, child(at, "lun"), errors);
};

export const glusterfs: Check = fields({ endpoints: required(), path: required() });

export const persistentGlusterfs: Check = fields({
  endpoints: required(),
  path: required(),
  endpointsNamespace: optional((value, at, errors) => {
    if (value === "")
      errors.push(fieldError.invalid(at, value, "if the endpointnamespace is set, it must be a valid namespace name"));
    else text(dnsLabel)(value, at, errors);
  }),
});

export const flocker: Check = (value, at, errors) => {
  const [name, id] = [String(member(value, "datasetName") ?? ""), String(member(value, "datasetUUID") ?? "")];
  if (name === "" && id === "") errors.push(fieldError.required(at, "one of datasetName and datasetUUID is required"));
  if (name !== "" && id !== "")
    errors.push(fieldError.invalid(at, "resource", "datasetName and datasetUUID can not be specified simultaneously"));
  if (name.includes("/")) errors.push(fieldError.invalid(child(at, "datasetName"), name, "must not contain '/'"));
};

export const rbd: Check = fields({ monitors: required(), image: required() });
export const cephfs: Check = fields({ monitors: required() });

/** A secret by name, in a namespace where volumes have none. */
const namedSecret = optional(fields({ name: required() }));
const placedSecret = optional(fields({ name: required(), namespace: required() }));

export const cinder: Check = fields({ volumeID: required(), secretRef: namedSecret });
export const persistentCinder: Check = fields({ volumeID: required(), secretRef: placedSecret });

const REGISTRY = "must be a host:port pair or multiple pairs separated by commas";

export const quobyte: Check = (value, at, errors) => {
  const registry = String(member(value, "registry") ?? "");
  if (registry === "") errors.push(fieldError.required(child(at, "registry"), REGISTRY));
  else if (String(member(value, "tenant") ?? "").length >= 65)
    errors.push(
      fieldError.required(child(at, "tenant"), "must be a UUID and may not exceed a length of 64 characters"),
    );
  else
    for (const pair of registry.split(","))
      if (!isHostPort(pair)) errors.push(fieldError.invalid(child(at, "registry"), registry, REGISTRY));
  required()(member(value, "volume"), child(at, "volume"), errors);
};

function isHostPort(pair: string): boolean {
  return /^(\[[^[\]]*\]|[^:[\]]*):[^:[\]]*$/.test(pair);
}

export const flexVolume: Check = (value, at, errors) => {
  required()(member(value, "driver"), child(at, "driver"), errors);
  for (const [key] of entriesOf(member(value, "options"))) {
    const [namespace = ""] = key.split("/");
    if (/\.(kubernetes|k8s)\.io$/.test(`.${namespace.toLowerCase()}`)) {
      const why = "kubernetes.io and k8s.io namespaces are reserved";
      errors.push(fieldError.invalid(`${child(at, "options")}[${key}]`, key, why));
    }
  }
};

export const azureFile: Check = fields({ secretName: required(), shareName: required() });
export const persistentAzureFile: Check = all(azureFile, fields({ secretNamespace: optional(required()) }));

const MANAGED_DISK = "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}";
const BLOB_DISK = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd";

export const azureDisk: Check = (value, at, errors) => {
  fields({
    diskName: required(),
    diskURI: required(),
    cachingMode: optional(oneOfAny("None", "ReadOnly", "ReadWrite")),
    kind: optional(oneOfAny("Dedicated", "Managed", "Shared")),
  })(value, at, errors);
  const [kind, uri] = [member(value, "kind"), String(member(value, "diskURI") ?? "")];
  const here = child(at, "diskURI");
  if (kind === "Managed" && !uri.startsWith("/subscriptions/"))
    errors.push(fieldError.notSupported(here, uri, [MANAGED_DISK]));
  if (kind !== undefined && kind !== "Managed" && !uri.startsWith("https://"))
    errors.push(fieldError.notSupported(here, uri, [BLOB_DISK]));
};

/** One of these, also where the value is "". */
function oneOfAny(...values: readonly string[]): Check {
  return (value, at, errors) => {
    if (!values.includes(String(value))) errors.push(fieldError.notSupported(at, value, values));
  };
}

export const vsphereVolume: Check = fields({ volumePath: required() });
export const photonPersistentDisk: Check = fields({ pdID: required() });
export const portworxVolume: Check = fields({ volumeID: required() });
export const scaleIO: Check = fields({ gateway: required(), system: required(), volumeName: required() });

export const local: Check = (value, at, errors) =>
  required(noBackSteps)(member(value, "path"), child(at, "path"), errors);

const storageOsNames = fields({ volumeName: required(text(dnsLabel)), volumeNamespace: unlessUnset(text(dnsLabel)) });

export const storageos: Check = all(storageOsNames, fields({ secretRef: namedSecret }));
export const persistentStorageos: Check = all(storageOsNames, fields({ secretRef: placedSecret }));

/** The name of a driver: a domain in any case of at most 63 characters. */
export const driverName: Check = required((value, at, errors) => {
  if (String(value).length > 63) errors.push(fieldError.tooLong(at, 63));
  for (const problem of dnsSubdomain(String(value).toLowerCase())) errors.push(fieldError.invalid(at, value, problem));
});

export const csi: Check = (value, at, errors) => {
  driverName(member(value, "driver"), child(at, "driver"), errors);
  const secret = member(value, "nodePublishSecretRef");
  if (secret === undefined) return;
  const name = member(secret, "name");
  if (isUnset(name)) errors.push(fieldError.required(child(at, "nodePublishSecretRef.name")));
  else text(dnsSubdomain)(name, child(at, "name"), errors); // upstream names the wrong field
};

const secretReference = optional(fields({ name: required(text(dnsSubdomain)), namespace: required(text(dnsLabel)) }));

export const persistentCsi: Check = fields({
  driver: driverName,
  volumeHandle: required(),
  controllerPublishSecretRef: secretReference,
  controllerExpandSecretRef: secretReference,
  nodePublishSecretRef: secretReference,
  nodeExpandSecretRef: secretReference,
});

export const image: Check = fields({ reference: required(), pullPolicy });
