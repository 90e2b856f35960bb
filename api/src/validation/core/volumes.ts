import { fieldError } from "../../status/field-error.ts";
import {
  all,
  type Check,
  child,
  each,
  element,
  entriesOf,
  fields,
  isUnset,
  listOf,
  member,
  optional,
  optionalOneOf,
  required,
  text,
  unique,
} from "../check.ts";
import { dnsLabel } from "../names.ts";
import { labels } from "../object-meta.ts";
import { claimSpec } from "./claim-spec.ts";
import { projected } from "./projections.ts";
import { nonNegativeQuantity } from "./resources.ts";
import { descendingPath, fileMode, keyToPaths, localPath, noBackSteps, userId } from "./volume-files.ts";

const HOST_PATH_TYPES = [
  "",
  "BlockDevice",
  "CharDevice",
  "Directory",
  "DirectoryOrCreate",
  "File",
  "FileOrCreate",
  "Socket",
];

export const hostPath: Check = fields({ path: required(noBackSteps), type: optionalOneOf(...HOST_PATH_TYPES) });

export const nfs: Check = fields({
  server: required(),
  path: required((value, at, errors) => {
    if (!String(value).startsWith("/")) errors.push(fieldError.invalid(at, value, "must be an absolute path"));
  }),
});

const SOURCES: Readonly<Record<string, Check>> = {
  emptyDir: fields({
    sizeLimit: nonNegativeQuantity,
    mode: optional((value, at, errors) => {
      if (Number(value) < 0 || Number(value) > 0o1777) {
        const why = "must be a number between 0 and 01777 (octal), both inclusive";
        errors.push(fieldError.invalid(at, value, why));
      }
    }),
  }),
  hostPath,
  secret: fields({ secretName: required(), defaultMode: fileMode, defaultUser: optional(userId), items: keyToPaths }),
  configMap: fields({ name: required(), defaultMode: fileMode, defaultUser: optional(userId), items: keyToPaths }),
  persistentVolumeClaim: fields({ claimName: required() }),
  nfs,
  projected,
  downwardAPI: fields({
    defaultMode: fileMode,
    defaultUser: optional(userId),
    items: each(fields({ path: required(localPath), mode: optional(fileMode), user: optional(userId) })),
  }),
  csi: fields({ driver: required() }),
  gitRepo: fields({ repository: required() }),
  ephemeral: fields({ volumeClaimTemplate: fields({ metadata: fields({ labels }), spec: claimSpec }) }),
  image: fields({ pullPolicy: optionalOneOf("Always", "IfNotPresent", "Never") }),
};

const source: Check = (value, at, errors) => {
  const given = entriesOf(value).filter(([name, body]) => name !== "name" && body !== null && body !== undefined);
  if (given.length === 0) errors.push(fieldError.required(at, "must specify a volume type"));
  given.forEach(([name, body], index) => {
    if (index > 0) errors.push(fieldError.forbidden(child(at, name), "may not specify more than 1 volume type"));
    else SOURCES[name]?.(body, child(at, name), errors);
  });
};

/** core/v1.PodSpec.volumes. */
export const volumes: Check = all(each(all(source, fields({ name: required(text(dnsLabel)) }))), unique("name"));

/** The names that containers may mount. */
export function volumeNames(spec: unknown): ReadonlySet<string> {
  return new Set(listOf(member(spec, "volumes")).map((volume) => String(member(volume, "name") ?? "")));
}

/** Mounts name a volume of the pod and have paths of their own. */
export function volumeMounts(names: ReadonlySet<string>): Check {
  return (value, at, errors) => {
    const paths = new Set<unknown>();
    listOf(value).forEach((mount, index) => {
      const here = element(at, index);
      const [name, mountPath] = [member(mount, "name"), member(mount, "mountPath")];
      if (isUnset(name)) errors.push(fieldError.required(child(here, "name")));
      else if (!names.has(String(name))) errors.push(fieldError.notFound(child(here, "name"), name));
      if (isUnset(mountPath)) errors.push(fieldError.required(child(here, "mountPath")));
      if (paths.has(mountPath))
        errors.push({ ...fieldError.invalid(child(here, "mountPath"), mountPath, "must be unique") });
      paths.add(mountPath);
      bindOptions(member(mount, "bindMountOptions"), child(here, "bindMountOptions"), errors);
      subPaths(mount, here, errors);
    });
  };
}

const BIND_OPTIONS = ["nodev", "noexec", "nosuid"];

const bindOptions: Check = (value, at, errors) => {
  listOf(value).forEach((option, index) => {
    const here = element(at, index);
    if (!BIND_OPTIONS.includes(String(option))) errors.push(fieldError.notSupported(here, option, BIND_OPTIONS));
    else if (listOf(value).indexOf(option) !== index) errors.push(fieldError.duplicate(here, option));
  });
};

const subPaths: Check = (mount, at, errors) => {
  const [subPath, expression] = [member(mount, "subPath"), member(mount, "subPathExpr")];
  if (!isUnset(subPath)) descendingPath(subPath, child(at, "subPath"), errors);
  if (isUnset(expression)) return;
  if (!isUnset(subPath))
    errors.push(
      fieldError.invalid(child(at, "subPathExpr"), expression, "subPathExpr and subPath are mutually exclusive"),
    );
  descendingPath(expression, child(at, "subPathExpr"), errors);
};
