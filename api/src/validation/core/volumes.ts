import { fieldError } from "../../status/field-error.ts";
import {
  all,
  type Check,
  child,
  element,
  entriesOf,
  fields,
  isUnset,
  listOf,
  member,
  optional,
  required,
  text,
} from "../check.ts";
import { dnsLabel, dnsSubdomain } from "../names.ts";
import { annotations, labels } from "../object-meta.ts";
import { claimSpec } from "./claim-spec.ts";
import { downwardApiFiles } from "./downward-api.ts";
import { projected } from "./projections.ts";
import { nonNegativeQuantity } from "./resources.ts";
import { directoryMode, fileMode, keyToPaths, localDescendingPath, userId } from "./volume-files.ts";
import * as sources from "./volume-sources.ts";

const emptyDir: Check = fields({
  sizeLimit: (value, at, errors) => {
    const found: typeof errors = [];
    nonNegativeQuantity(value, at, found);
    if (found.length > 0) errors.push(fieldError.forbidden(at, "SizeLimit field must be a valid resource quantity"));
  },
  mode: optional(directoryMode),
});

const gitRepo: Check = fields({ repository: required(), directory: localDescendingPath });

/** What a claim made for a pod may be told of itself. */
const claimMetadata: Check = (value, at, errors) => {
  annotations(member(value, "annotations"), child(at, "annotations"), errors);
  labels(member(value, "labels"), child(at, "labels"), errors);
  for (const [name] of entriesOf(value))
    if (name !== "annotations" && name !== "labels" && !isUnset(member(value, name)))
      errors.push(fieldError.forbidden(child(at, name), "cannot be set"));
};

const ephemeral: Check = (value, at, errors) => {
  const template = member(value, "volumeClaimTemplate");
  const here = child(at, "volumeClaimTemplate");
  if (template === undefined) errors.push(fieldError.required(here));
  else fields({ metadata: claimMetadata, spec: claimSpec })(template, here, errors);
};

/** Whose the files of a volume are, and who may do what with them. */
const ownership = { defaultMode: fileMode, defaultUser: optional(userId) };

const SOURCES: readonly sources.VolumeSource[] = [
  { name: "emptyDir", check: emptyDir },
  { name: "hostPath", check: sources.hostPath },
  { name: "gitRepo", check: gitRepo },
  { name: "gcePersistentDisk", check: sources.gcePersistentDisk, shown: "persistentDisk" },
  { name: "awsElasticBlockStore", check: sources.awsElasticBlockStore },
  { name: "secret", check: fields({ secretName: required(), ...ownership, items: keyToPaths }) },
  { name: "nfs", check: sources.nfs },
  { name: "iscsi", check: sources.iscsi },
  { name: "glusterfs", check: sources.glusterfs },
  { name: "flocker", check: sources.flocker },
  { name: "persistentVolumeClaim", check: fields({ claimName: required() }) },
  { name: "rbd", check: sources.rbd },
  { name: "cinder", check: sources.cinder },
  { name: "cephfs", check: sources.cephfs, known: "cephFS" },
  { name: "quobyte", check: sources.quobyte },
  { name: "downwardAPI", check: all(fields(ownership), downwardApiFiles), known: "downwarAPI" },
  { name: "fc", check: sources.fc },
  { name: "flexVolume", check: sources.flexVolume },
  { name: "configMap", check: fields({ name: required(), ...ownership, items: keyToPaths }) },
  { name: "azureFile", check: sources.azureFile },
  { name: "vsphereVolume", check: sources.vsphereVolume },
  { name: "photonPersistentDisk", check: sources.photonPersistentDisk },
  { name: "portworxVolume", check: sources.portworxVolume },
  { name: "azureDisk", check: sources.azureDisk },
  { name: "storageos", check: sources.storageos },
  { name: "projected", check: projected },
  { name: "scaleIO", check: sources.scaleIO },
  { name: "csi", check: sources.csi },
  { name: "ephemeral", check: ephemeral },
  { name: "image", check: sources.image },
];

const source = sources.oneSource(SOURCES);

/** What of a volume's source also depends on its name, or on the pod's. */
function nameWithSource(volume: unknown, pod: string): Check {
  return (value, at, errors) => {
    const name = String(value ?? "");
    if (sources.isIscsiNameTooLong(member(volume, "iscsi"), name))
      errors.push(fieldError.invalid(at, name, sources.iscsiTooLong));
    if (member(volume, "ephemeral") === undefined || pod === "" || name === "") return;
    for (const problem of dnsSubdomain(`${pod}-${name}`))
      errors.push(fieldError.invalid(at, name, `PVC name "${pod}-${name}": ${problem}`));
  };
}

/** What is known of a pod's volumes: by name, those without errors. */
export type Volumes = ReadonlyMap<string, unknown>;

/** core/v1.PodSpec.volumes. @param pod The pod's name, "" for templates. @returns what containers may mount. */
export function checkVolumes(value: unknown, pod: string, at: string, errors: Parameters<Check>[2]): Volumes {
  const known = new Map<string, unknown>();
  const claims = new Set(
    listOf(value).flatMap((volume) =>
      member(volume, "ephemeral") === undefined || pod === "" ? [] : [`${pod}-${String(member(volume, "name"))}`],
    ),
  );
  listOf(value).forEach((volume, index) => {
    const here = element(at, index);
    const name = String(member(volume, "name") ?? "");
    const found: typeof errors = [];
    source(volume, here, found);
    nameWithSource(volume, pod)(name, child(here, "name"), found);
    required(text(dnsLabel))(name, child(here, "name"), found);
    if (known.has(name)) found.push(fieldError.duplicate(child(here, "name"), name));
    if (found.length === 0) known.set(name, volume);
    errors.push(...found);
    const claim = member(member(volume, "persistentVolumeClaim"), "claimName");
    if (claims.has(String(claim))) {
      const why = "must not reference a PVC that gets created for an ephemeral volume";
      errors.push(fieldError.invalid(child(here, "persistentVolumeClaim.claimName"), claim, why));
    }
  });
  return known;
}
