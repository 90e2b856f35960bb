import { fieldError } from "../../status/field-error.ts";
import {
  all,
  type Check,
  child,
  exactlyOneOf,
  fields,
  listOf,
  member,
  nonNegative,
  optional,
  optionalOneOf,
  port,
  required,
  text,
} from "../check.ts";
import { portName } from "../names.ts";

/** A port by number or name. */
export const portReference: Check = (value, at, errors) => {
  if (typeof value === "string") text(portName)(value, at, errors);
  else port(value, at, errors);
};

const HEADER_NAME = /^[-A-Za-z0-9]+$/;
const HEADER_WHY =
  "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";

const headers: Check = (value, at, errors) => {
  for (const header of listOf(value)) {
    const name = String(member(header, "name") ?? "");
    if (!HEADER_NAME.test(name)) errors.push(fieldError.invalid(at, name, HEADER_WHY));
  }
};

const httpGet: Check = (value, at, errors) => {
  fields({
    path: required(),
    port: portReference,
    scheme: exactlyOneOf("HTTP", "HTTPS"),
    httpHeaders: headers,
    protocol: optionalOneOf("HTTP1", "HTTP2"),
  })(value, at, errors);
  const protocol = member(value, "protocol");
  if (protocol === "HTTP2" && member(value, "scheme") === "HTTPS")
    errors.push(fieldError.invalid(child(at, "protocol"), protocol, "is only supported with HTTP (H2C)"));
};

const grpc: Check = fields({ port, mode: optionalOneOf("Plaintext", "TLS") });

/** What a sleep may last: as long as the pod has to end. */
function sleep(grace: unknown): Check {
  return (value, at, errors) => {
    const seconds = Number(member(value, "seconds") ?? 0);
    if (grace === undefined || (seconds >= 0 && seconds <= Number(grace))) return;
    const why = `must be non-negative and less than terminationGracePeriodSeconds (${String(grace)})`;
    errors.push(fieldError.invalid(at, seconds, why));
  };
}

/** Exactly one of the ways to probe or hook. @param grace The pod's terminationGracePeriodSeconds. */
function handler(grace: unknown, isProbe: boolean): Check {
  const handlers: readonly (readonly [string, Check])[] = [
    ["exec", fields({ command: required() })],
    ["httpGet", httpGet],
    ["tcpSocket", fields({ port: portReference })],
    isProbe ? ["grpc", grpc] : ["sleep", sleep(grace)],
  ];
  return (value, at, errors) => {
    const given = handlers.filter(([name]) => member(value, name) !== undefined);
    given.forEach(([name, check], index) => {
      if (index > 0) errors.push(fieldError.forbidden(child(at, name), "may not specify more than 1 handler type"));
      else check(member(value, name), child(at, name), errors);
    });
    if (given.length === 0) errors.push(fieldError.required(at, "must specify a handler type"));
  };
}

const anyProbe: Check = all(
  handler(undefined, true),
  fields({
    initialDelaySeconds: nonNegative,
    timeoutSeconds: nonNegative,
    periodSeconds: nonNegative,
    successThreshold: nonNegative,
    failureThreshold: nonNegative,
    terminationGracePeriodSeconds: optional((value, at, errors) => {
      if (Number(value) <= 0) errors.push(fieldError.invalid(at, value, "must be greater than 0"));
    }),
  }),
);

const singleSuccess: Check = (value, at, errors) => {
  const threshold = member(value, "successThreshold");
  if (threshold !== 1) errors.push(fieldError.invalid(child(at, "successThreshold"), threshold ?? 0, "must be 1"));
};

const noGrace: Check = (value, at, errors) => {
  const grace = member(value, "terminationGracePeriodSeconds");
  if (grace === undefined) return;
  const why = "must not be set for readinessProbes";
  errors.push(fieldError.invalid(child(at, "terminationGracePeriodSeconds"), grace, why));
};

/** The probes of a container that runs. */
export const probes: Check = fields({
  livenessProbe: optional(anyProbe, singleSuccess),
  readinessProbe: optional(anyProbe, noGrace),
  startupProbe: optional(anyProbe, singleSuccess),
});

const WINDOWS_SIGNALS = ["SIGKILL", "SIGTERM"];
const LINUX_SIGNALS = [
  ...["SIGABRT", "SIGALRM", "SIGBUS", "SIGCHLD", "SIGCLD", "SIGCONT", "SIGFPE", "SIGHUP", "SIGILL", "SIGINT", "SIGIO"],
  ...["SIGIOT", "SIGKILL", "SIGPIPE", "SIGPOLL", "SIGPROF", "SIGPWR", "SIGQUIT", "SIGSEGV", "SIGSTKFLT", "SIGSTOP"],
  ...["SIGSYS", "SIGTERM", "SIGTRAP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGUSR1", "SIGUSR2", "SIGVTALRM"],
  ...["SIGWINCH", "SIGXCPU", "SIGXFSZ", "SIGRTMIN", "SIGRTMAX"],
  ...Array.from({ length: 15 }, (_, index) => `SIGRTMIN+${index + 1}`),
  ...Array.from({ length: 14 }, (_, index) => `SIGRTMAX-${index + 1}`),
].sort((a, b) => (a < b ? -1 : 1));

function stopSignal(os: unknown): Check {
  return (value, at, errors) => {
    if (os === undefined)
      return void errors.push(fieldError.forbidden(at, "may not be set for containers with empty `spec.os.name`"));
    const name = member(os, "name");
    const known = name === "windows" ? WINDOWS_SIGNALS : name === "linux" ? LINUX_SIGNALS : undefined;
    if (known !== undefined && !known.includes(String(value))) errors.push(fieldError.notSupported(at, value, known));
  };
}

/** `lifecycle` of a container. */
export function lifecycle(grace: unknown, os: unknown): Check {
  const hook = optional(handler(grace, false));
  return optional(fields({ postStart: hook, preStop: hook, stopSignal: optional(stopSignal(os)) }));
}
