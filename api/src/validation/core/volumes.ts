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
import { dnsLabel, dnsSubdomain } from "../names.ts";
import { labels } from "../object-meta.ts";
import { claimSpec } from "./claim-spec.ts";
import { nonNegativeQuantity } from "./resources.ts";

const fileMode: Check = (value, at, errors) => {
  const mode = Number(value ?? 0);
  if (mode < 0 || mode > 0o777) {
    errors.push(fieldError.invalid(at, value, "must be a number between 0 and 0777 (octal), both inclusive"));
  }
};

/** A path inside a volume: relative and without "..". */
export const localPath: Check = (value, at, errors) => {
  const path = String(value ?? "");
  if (path.startsWith("/")) errors.push(fieldError.invalid(at, path, "must be a relative path"));
  noBackSteps(path, at, errors);
};

export const noBackSteps: Check = (value, at, errors) => {
  if (
    String(value ?? "")
      .split("/")
      .includes("..")
  )
    errors.push(fieldError.invalid(at, value, "must not contain '..'"));
};

const keyToPath: Check = fields({ key: required(), path: required(localPath), mode: optional(fileMode) });

const items = each(keyToPath);
const projectedItem: Check = fields({
  secret: optional(fields({ name: required(), items })),
  configMap: optional(fields({ name: required(), items })),
  downwardAPI: optional(fields({ items: each(fields({ path: required(localPath), mode: optional(fileMode) })) })),
  serviceAccountToken: optional(
    fields({
      path: required(localPath),
      expirationSeconds: (value, at, errors) => {
        if (value === undefined) return;
        if (Number(value) < 600)
          errors.push(fieldError.invalid(at, value, "may not specify a duration less than 10 minutes"));
        if (Number(value) > 2 ** 32)
          errors.push(fieldError.invalid(at, value, "may not specify a duration larger than 2^32 seconds"));
      },
    }),
  ),
});

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
  emptyDir: fields({ sizeLimit: nonNegativeQuantity }),
  hostPath,
  secret: fields({ secretName: required(), defaultMode: fileMode, items }),
  configMap: fields({ name: required(), defaultMode: fileMode, items }),
  persistentVolumeClaim: fields({ claimName: required() }),
  nfs,
  projected: fields({ defaultMode: fileMode, sources: each(projectedItem) }),
  downwardAPI: fields({
    defaultMode: fileMode,
    items: each(fields({ path: required(localPath), mode: optional(fileMode) })),
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
      subPaths(mount, here, errors);
    });
  };
}

const subPaths: Check = (mount, at, errors) => {
  const [subPath, expression] = [member(mount, "subPath"), member(mount, "subPathExpr")];
  if (!isUnset(subPath)) localPath(subPath, child(at, "subPath"), errors);
  if (isUnset(expression)) return;
  if (!isUnset(subPath))
    errors.push(
      fieldError.invalid(child(at, "subPathExpr"), expression, "subPathExpr and subPath are mutually exclusive"),
    );
  localPath(expression, child(at, "subPathExpr"), errors);
};

export const claimName: Check = text(dnsSubdomain);
