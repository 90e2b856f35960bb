import { fieldError } from "../../status/field-error.ts";
import { type Check, child, element, isUnset, listOf, member, valueAt } from "../check.ts";
import { localDescendingPath, noBackSteps } from "./volume-files.ts";
import type { Volumes } from "./volumes.ts";

type Errors = Parameters<Check>[2];

const PROPAGATIONS = ["Bidirectional", "HostToContainer", "None"];
const BIND_OPTIONS = ["nodev", "noexec", "nosuid"];
const READ_ONLY = ["Disabled", "Enabled", "IfPossible"];

/** `volumeMounts` of a container: each names a volume of the pod and has a path of its own. */
export function checkMounts(container: unknown, volumes: Volumes, at: string, errors: Errors): void {
  const devices = listOf(member(container, "volumeDevices"));
  const paths = new Set<unknown>();
  listOf(member(container, "volumeMounts")).forEach((mount, index) => {
    const here = element(at, index);
    const [name, path] = [member(mount, "name") ?? "", member(mount, "mountPath") ?? ""];
    if (name === "") errors.push(fieldError.required(child(here, "name")));
    if (!volumes.has(String(name))) errors.push(fieldError.notFound(child(here, "name"), name));
    if (path === "") errors.push(fieldError.required(child(here, "mountPath")));
    if (paths.has(path)) errors.push(fieldError.invalid(child(here, "mountPath"), path, "must be unique"));
    paths.add(path);
    if (devices.some((device) => member(device, "name") === name))
      errors.push(fieldError.invalid(child(here, "name"), name, "must not already exist in volumeDevices"));
    if (devices.some((device) => (member(device, "devicePath") ?? "") === path)) {
      const why = "must not already exist as a path in volumeDevices";
      errors.push(fieldError.invalid(child(here, "mountPath"), path, why));
    }
    bindOptions(member(mount, "bindMountOptions"), child(here, "bindMountOptions"), errors);
    details(container, mount, here, at, errors);
  });
}

function bindOptions(value: unknown, at: string, errors: Errors): void {
  listOf(value).forEach((option, index) => {
    const here = element(at, index);
    if (!BIND_OPTIONS.includes(String(option))) errors.push(fieldError.notSupported(here, option, BIND_OPTIONS));
    else if (listOf(value).indexOf(option) !== index) errors.push(fieldError.duplicate(here, option));
  });
}

/** Upstream says of the list what is wrong with these fields of a mount. */
function details(container: unknown, mount: unknown, at: string, list: string, errors: Errors): void {
  const [subPath, expression] = [member(mount, "subPath"), member(mount, "subPathExpr")];
  if (!isUnset(subPath)) localDescendingPath(subPath, child(list, "subPath"), errors);
  if (!isUnset(expression)) {
    if (!isUnset(subPath)) {
      const why = "subPathExpr and subPath are mutually exclusive";
      errors.push(fieldError.invalid(child(at, "subPathExpr"), expression, why));
    }
    localDescendingPath(expression, child(list, "subPathExpr"), errors);
  }
  propagation(container, mount, child(list, "mountPropagation"), errors);
  recursiveReadOnly(mount, child(list, "recursiveReadOnly"), errors);
}

function propagation(container: unknown, mount: unknown, at: string, errors: Errors): void {
  const value = member(mount, "mountPropagation");
  if (value === undefined) return;
  if (!PROPAGATIONS.includes(String(value))) errors.push(fieldError.notSupported(at, value, PROPAGATIONS));
  if (value === "Bidirectional" && valueAt(container, "securityContext.privileged") !== true) {
    const why = "Bidirectional mount propagation is available only to privileged containers";
    errors.push(fieldError.forbidden(at, why));
  }
}

function recursiveReadOnly(mount: unknown, at: string, errors: Errors): void {
  const value = member(mount, "recursiveReadOnly");
  if (value === undefined || value === "Disabled") return;
  if (!READ_ONLY.includes(String(value))) return void errors.push(fieldError.notSupported(at, value, READ_ONLY));
  if (member(mount, "readOnly") !== true)
    errors.push(fieldError.forbidden(at, "may only be specified when readOnly is true"));
  const propagated = member(mount, "mountPropagation");
  if (propagated !== undefined && propagated !== "None")
    errors.push(fieldError.forbidden(at, "may only be specified when mountPropagation is None or not specified"));
}

/** `volumeDevices` of a container: claims as block devices. */
export function checkDevices(container: unknown, volumes: Volumes, at: string, errors: Errors): void {
  const mounts = listOf(member(container, "volumeMounts"));
  const [names, paths] = [new Set<unknown>(), new Set<unknown>()];
  listOf(member(container, "volumeDevices")).forEach((device, index) => {
    const here = element(at, index);
    const [name, path] = [member(device, "name") ?? "", member(device, "devicePath") ?? ""];
    const invalid = (field: string, value: unknown, why: string) =>
      errors.push(fieldError.invalid(child(here, field), value, why));
    if (name === "") errors.push(fieldError.required(child(here, "name")));
    if (names.has(name)) invalid("name", name, "must be unique");
    const volume = volumes.get(String(name));
    if (volume === undefined) errors.push(fieldError.notFound(child(here, "name"), name));
    else if (!isClaim(volume))
      invalid("name", name, "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode");
    if (path === "") errors.push(fieldError.required(child(here, "devicePath")));
    if (paths.has(path)) invalid("devicePath", path, "must be unique");
    const steps: Errors = [];
    noBackSteps(path, here, steps);
    if (steps.length > 0) invalid("devicePath", path, "can not contain backsteps ('..')");
    else paths.add(path);
    if (mounts.some((mount) => (member(mount, "name") ?? "") === name))
      invalid("name", name, "must not already exist in volumeMounts");
    if (mounts.some((mount) => (member(mount, "mountPath") ?? "") === path))
      invalid("devicePath", path, "must not already exist as a path in volumeMounts");
    if (name !== "") names.add(name);
  });
}

function isClaim(volume: unknown): boolean {
  return member(volume, "persistentVolumeClaim") !== undefined || member(volume, "ephemeral") !== undefined;
}
