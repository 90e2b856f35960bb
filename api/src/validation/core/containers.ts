import { fieldError } from "../../status/field-error.ts";
import {
  all,
  between,
  type Check,
  child,
  each,
  element,
  entriesOf,
  fields,
  isUnset,
  listOf,
  member,
  nonNegative,
  oneOf,
  optional,
  optionalOneOf,
  port,
  required,
  text,
  unlessUnset,
} from "../check.ts";
import { configMapKey, dnsLabel, environmentName, portName } from "../names.ts";
import { containerResources } from "./resources.ts";
import { volumeMounts } from "./volumes.ts";

const PULL_POLICIES = ["Always", "IfNotPresent", "Never"] as const;

const ports: Check = (value, at, errors) => {
  const names = new Set<unknown>();
  listOf(value).forEach((one, index) => {
    const here = element(at, index);
    const name = member(one, "name");
    if (!isUnset(name)) {
      text(portName)(name, child(here, "name"), errors);
      if (names.has(name)) errors.push(fieldError.duplicate(child(here, "name"), name));
      names.add(name);
    }
    fields({ containerPort: required(port), hostPort: unlessUnset(port), protocol: oneOf("SCTP", "TCP", "UDP") })(
      one,
      here,
      errors,
    );
  });
};

const keyRef = fields({ name: required(), key: required(text(configMapKey)) });

const valueFrom: Check = (value, at, errors) => {
  const given = entriesOf(value).filter(([, one]) => one !== null && one !== undefined);
  if (given.length !== 1) {
    const why =
      given.length === 0
        ? "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        : "may not have more than one field specified at a time";
    errors.push(fieldError.invalid(at, "", why));
  }
  fields({
    configMapKeyRef: optional(keyRef),
    secretKeyRef: optional(keyRef),
    fieldRef: optional(fields({ apiVersion: required(), fieldPath: required() })),
    resourceFieldRef: optional(fields({ resource: required() })),
  })(value, at, errors);
};

const environment: Check = (value, at, errors) => {
  fields({ name: required(text(environmentName)), valueFrom: optional(valueFrom) })(value, at, errors);
  if (!isUnset(member(value, "value")) && member(value, "valueFrom") !== undefined) {
    errors.push(fieldError.invalid(child(at, "valueFrom"), "", "may not be specified when `value` is not empty"));
  }
};

const environmentSource: Check = fields({
  prefix: unlessUnset(text(environmentName)),
  configMapRef: optional(fields({ name: required() })),
  secretRef: optional(fields({ name: required() })),
});

/** A port by number or name. */
export const portReference: Check = (value, at, errors) => {
  if (typeof value === "string") text(portName)(value, at, errors);
  else port(value, at, errors);
};

const HANDLERS: Readonly<Record<string, Check>> = {
  exec: fields({ command: required() }),
  httpGet: (value, at, errors) => {
    fields({ path: required(), port: portReference, scheme: optionalOneOf("HTTP", "HTTPS") })(value, at, errors);
    const [protocol, here] = [member(value, "protocol"), child(at, "protocol")];
    optionalOneOf("HTTP1", "HTTP2")(protocol, here, errors);
    if (protocol === "HTTP2" && member(value, "scheme") === "HTTPS")
      errors.push(fieldError.invalid(here, protocol, "is only supported with HTTP (H2C)"));
  },
  tcpSocket: fields({ port: portReference }),
  grpc: fields({ port, mode: optionalOneOf("Plaintext", "TLS") }),
  sleep: fields({ seconds: nonNegative }),
};

/** Exactly one of the ways to probe or hook. */
const handler: Check = (value, at, errors) => {
  const given = Object.keys(HANDLERS).filter((name) => member(value, name) !== undefined);
  if (given.length === 0) errors.push(fieldError.required(at, "must specify a handler type"));
  given.forEach((name, index) => {
    if (index > 0) errors.push(fieldError.forbidden(child(at, name), "may not specify more than 1 handler type"));
    else HANDLERS[name]!(member(value, name), child(at, name), errors);
  });
};

const probe: Check = all(
  handler,
  fields({
    initialDelaySeconds: nonNegative,
    timeoutSeconds: nonNegative,
    periodSeconds: nonNegative,
    successThreshold: nonNegative,
    failureThreshold: nonNegative,
  }),
);

const singleSuccess: Check = (value, at, errors) => {
  const threshold = member(value, "successThreshold");
  if (value !== undefined && threshold !== 1)
    errors.push(fieldError.invalid(child(at, "successThreshold"), threshold ?? 0, "must be 1"));
};

const securityContext: Check = (value, at, errors) => {
  fields({
    runAsUser: optional(between(0, 2 ** 31 - 1)),
    runAsGroup: optional(between(0, 2 ** 31 - 1)),
    procMount: optionalOneOf("Default", "Unmasked"),
  })(value, at, errors);
  const escalation = member(value, "allowPrivilegeEscalation");
  if (escalation === false && member(value, "privileged") === true) {
    errors.push(
      fieldError.invalid(at, value, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"),
    );
  }
};

/** Which containers a list holds: some fields are for some only. */
export type ContainerRole = "regular" | "init" | "ephemeral";

function container(
  volumes: ReadonlySet<string>,
  role: ContainerRole,
  restartAlways: (value: unknown) => boolean,
): Check {
  const common = fields({
    name: required(text(dnsLabel)),
    image: required((value, at, errors) => {
      if (String(value).trim() !== value)
        errors.push(fieldError.invalid(at, value, "must not have leading or trailing whitespace"));
    }),
    terminationMessagePolicy: optionalOneOf("FallbackToLogsOnError", "File"),
    ports,
    env: each(environment),
    envFrom: each(environmentSource),
    volumeMounts: volumeMounts(volumes),
    imagePullPolicy: oneOf(...PULL_POLICIES),
    resources: containerResources,
    securityContext: optional(securityContext),
  });
  const running = fields({
    lifecycle: optional(fields({ postStart: optional(handler), preStop: optional(handler) })),
    livenessProbe: optional(probe, singleSuccess),
    readinessProbe: optional(probe),
    startupProbe: optional(probe, singleSuccess),
  });
  const idle = fields(
    Object.fromEntries(
      ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"].map((name) => [name, forbiddenIn(role)]),
    ),
  );
  return (value, at, errors) => {
    common(value, at, errors);
    const runs = role === "regular" || (role === "init" && restartAlways(value));
    (runs ? running : idle)(value, at, errors);
  };
}

function forbiddenIn(role: ContainerRole): Check {
  const why =
    role === "ephemeral"
      ? "cannot be set for an Ephemeral Container"
      : "may not be set for init containers without restartPolicy=Always";
  return optional((_value, at, errors) => void errors.push(fieldError.forbidden(at, why)));
}

/** One list of containers; names are unique across the pod, which `seen` holds. */
export function containers(role: ContainerRole, volumes: ReadonlySet<string>, seen: Set<unknown>): Check {
  const check = container(volumes, role, (value) => member(value, "restartPolicy") === "Always");
  return (value, at, errors) => {
    const list = listOf(value);
    if (list.length === 0 && role === "regular") errors.push(fieldError.required(at));
    list.forEach((one, index) => {
      const here = element(at, index);
      check(one, here, errors);
      const name = member(one, "name");
      if (!isUnset(name) && seen.has(name)) errors.push(fieldError.duplicate(child(here, "name"), name));
      seen.add(name);
    });
    hostPorts(list, at, errors);
  };
}

/** Two containers cannot take the same port of the host. */
const hostPorts: Check = (value, at, errors) => {
  const taken = new Set<string>();
  listOf(value).forEach((one, index) => {
    listOf(member(one, "ports")).forEach((entry, portIndex) => {
      const hostPort = member(entry, "hostPort");
      if (isUnset(hostPort)) return;
      const id = [member(entry, "protocol"), member(entry, "hostIP") ?? "", hostPort].join("/");
      const here = child(element(child(element(at, index), "ports"), portIndex), "hostPort");
      if (taken.has(id)) errors.push(fieldError.duplicate(here, id));
      taken.add(id);
    });
  });
};
