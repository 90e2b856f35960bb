import { fieldError } from "../../status/field-error.ts";
import {
  type Check,
  child,
  element,
  fields,
  isUnset,
  listOf,
  member,
  oneOf,
  port,
  required,
  text,
  unlessUnset,
} from "../check.ts";
import { dnsLabel, portName } from "../names.ts";
import { environment, environmentSources } from "./environment.ts";
import { pullPolicy } from "./image-policy.ts";
import { checkDevices, checkMounts } from "./mounts.ts";
import { lifecycle, probes } from "./probes.ts";
import { containerResources } from "./resources.ts";
import { containerRestarts, initRestarts, resizePolicy } from "./restarts.ts";
import { containerSecurity } from "./security-contexts.ts";
import type { Volumes } from "./volumes.ts";

type Errors = Parameters<Check>[2];

/** What the containers of a pod must fit. */
export interface PodParts {
  readonly spec: unknown;
  readonly volumes: Volumes;
}

const ports: Check = (value, at, errors) => {
  const names = new Set<unknown>();
  listOf(value).forEach((one, index) => {
    const here = element(at, index);
    const name = member(one, "name");
    if (!isUnset(name)) {
      const problems = portName(String(name));
      for (const problem of problems) errors.push(fieldError.invalid(child(here, "name"), name, problem));
      if (problems.length === 0 && names.has(name)) errors.push(fieldError.duplicate(child(here, "name"), name));
      names.add(name);
    }
    fields({ containerPort: required(port), hostPort: unlessUnset(port), protocol: oneOf("SCTP", "TCP", "UDP") })(
      one,
      here,
      errors,
    );
  });
};

const MESSAGE_POLICIES = ["File", "FallbackToLogsOnError"] as const;

/** What all containers have. */
function common(container: unknown, parts: PodParts, at: string, errors: Errors): void {
  fields({
    name: required(text(dnsLabel)),
    image: required(),
    terminationMessagePolicy: oneOf(...MESSAGE_POLICIES),
    ports,
    env: environment,
    envFrom: environmentSources,
  })(container, at, errors);
  checkMounts(container, parts.volumes, child(at, "volumeMounts"), errors);
  checkDevices(container, parts.volumes, child(at, "volumeDevices"), errors);
  fields({
    imagePullPolicy: pullPolicy,
    resources: containerResources(parts.spec),
    resizePolicy: resizePolicy(member(parts.spec, "restartPolicy")),
    securityContext: containerSecurity(member(parts.spec, "hostUsers") !== false),
  })(container, at, errors);
}

/** What a container has that runs as long as the pod. */
function running(container: unknown, { spec }: PodParts, at: string, errors: Errors): void {
  const grace = member(spec, "terminationGracePeriodSeconds");
  fields({ lifecycle: lifecycle(grace, member(spec, "os")) })(container, at, errors);
  probes(container, at, errors);
}

const RUNNING_ONLY = ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"];

/** `containers`. */
export function checkContainers(parts: PodParts, at: string, errors: Errors): void {
  const list = listOf(member(parts.spec, "containers"));
  if (list.length === 0) return void errors.push(fieldError.required(at));
  const names = new Set<unknown>();
  list.forEach((container, index) => {
    const here = element(at, index);
    common(container, parts, here, errors);
    distinctName(container, names, here, errors);
    running(container, parts, here, errors);
    containerRestarts(container, here, errors);
  });
  hostPorts(list, at, errors);
}

/** `initContainers`: those that restart always are sidecars, which run as others do. */
export function checkInitContainers(parts: PodParts, at: string, errors: Errors): void {
  const names = new Set(listOf(member(parts.spec, "containers")).map((one) => member(one, "name") ?? ""));
  listOf(member(parts.spec, "initContainers")).forEach((container, index) => {
    const here = element(at, index);
    common(container, parts, here, errors);
    initRestarts(container, here, errors);
    if (!isUnset(member(container, "name"))) distinctName(container, names, here, errors);
    hostPorts([container], at, errors);
    if (member(container, "restartPolicy") === "Always") running(container, parts, here, errors);
    else ending(container, here, errors);
  });
}

/** What only containers that run on may have. */
function ending(container: unknown, at: string, errors: Errors): void {
  for (const name of RUNNING_ONLY) {
    const why = "may not be set for init containers without restartPolicy=Always";
    if (member(container, name) !== undefined) errors.push(fieldError.forbidden(child(at, name), why));
  }
  restartsOnResize(container, at, errors);
}

function restartsOnResize(container: unknown, at: string, errors: Errors): void {
  listOf(member(container, "resizePolicy")).forEach((policy, index) => {
    if (member(policy, "restartPolicy") !== "RestartContainer") return;
    const here = `${child(at, "resizePolicy")}[${index}].restartPolicy`;
    const why = "must not be set to 'RestartContainer' for non-sidecar initContainers";
    errors.push(fieldError.invalid(here, "RestartContainer", why));
  });
}

const NOT_EPHEMERAL = ["ports", "resources", "lifecycle", "livenessProbe", "readinessProbe", "startupProbe"];
const NOT_EPHEMERAL_WHY = "cannot be set for an Ephemeral Container";
const EPHEMERAL_ORDER = ["ports", "resources", "resizePolicy", "restartPolicy", "restartPolicyRules", ...NOT_EPHEMERAL];

/** `ephemeralContainers`: those that look into a pod. */
export function checkEphemeralContainers(parts: PodParts, at: string, errors: Errors): void {
  const others = new Set(
    ["containers", "initContainers"].flatMap((name) =>
      listOf(member(parts.spec, name)).map((one) => member(one, "name") ?? ""),
    ),
  );
  const names = new Set(others);
  listOf(member(parts.spec, "ephemeralContainers")).forEach((container, index) => {
    const here = element(at, index);
    common(container, parts, here, errors);
    untrimmedImage(container, here, errors);
    distinctName(container, names, here, errors);
    const target = member(container, "targetContainerName") ?? "";
    if (target !== "" && !others.has(target))
      errors.push(fieldError.notFound(child(here, "targetContainerName"), target));
    for (const name of new Set(EPHEMERAL_ORDER))
      if (!isUnset(member(container, name))) errors.push(fieldError.forbidden(child(here, name), NOT_EPHEMERAL_WHY));
    wholeMounts(container, here, errors);
  });
}

function wholeMounts(container: unknown, at: string, errors: Errors): void {
  listOf(member(container, "volumeMounts")).forEach((mount, index) => {
    for (const name of ["subPath", "subPathExpr"])
      if (!isUnset(member(mount, name)))
        errors.push(fieldError.forbidden(`${child(at, "volumeMounts")}[${index}].${name}`, NOT_EPHEMERAL_WHY));
  });
}

/** Pods do not take what templates always took. */
export function untrimmedImage(container: unknown, at: string, errors: Errors): void {
  const image = String(member(container, "image") ?? "");
  if (image.trim() !== image)
    errors.push(fieldError.invalid(child(at, "image"), image, "must not have leading or trailing whitespace"));
}

function distinctName(container: unknown, names: Set<unknown>, at: string, errors: Errors): void {
  const name = member(container, "name") ?? "";
  if (names.has(name)) errors.push(fieldError.duplicate(child(at, "name"), name));
  names.add(name);
}

/** Two containers cannot take the same port of the host. */
function hostPorts(containers: readonly unknown[], at: string, errors: Errors): void {
  const taken = new Set<string>();
  containers.forEach((container, index) => {
    listOf(member(container, "ports")).forEach((entry, place) => {
      const hostPort = member(entry, "hostPort");
      if (isUnset(hostPort)) return;
      const id = [member(entry, "protocol") ?? "", member(entry, "hostIP") ?? "", hostPort].join("/");
      const here = `${child(element(at, index), "ports")}[${place}].hostPort`;
      if (taken.has(id)) errors.push(fieldError.duplicate(here, id));
      taken.add(id);
    });
  });
}
