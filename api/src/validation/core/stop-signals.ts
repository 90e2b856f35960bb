import { fieldError } from "../../status/field-error.ts";
import { type Check, child, element, isUnset, listOf, member, valueAt } from "../check.ts";

const NAMED =
  "ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX";
const NUMBERS = Array.from({ length: 15 }, (_, index) => index + 1);
const LINUX = [
  ...NAMED.split(" "),
  ...NUMBERS.map((number) => `RTMIN+${number}`),
  ...NUMBERS.slice(0, 14).map((number) => `RTMAX-${number}`),
]
  .map((name) => `SIG${name}`)
  .sort();
const SIGNALS: Readonly<Record<string, readonly string[]>> = { linux: LINUX, windows: ["SIGKILL", "SIGTERM"] };

/** The signals that stop containers are those of the operating system, which the pod has to name. */
export const stopSignals: Check = (spec, at, errors) => {
  const system = String(valueAt(spec, "os.name") ?? "");
  for (const list of ["containers", "initContainers"])
    listOf(member(spec, list)).forEach((container, index) => {
      const signal = valueAt(container, "lifecycle.stopSignal");
      if (isUnset(signal)) return;
      const here = `${element(child(at, list), index)}.lifecycle.stopSignal`;
      const known = SIGNALS[system];
      if (known === undefined)
        errors.push(fieldError.forbidden(here, "may not be set for containers with empty `spec.os.name`"));
      else if (!known.includes(String(signal))) errors.push(fieldError.notSupported(here, signal, known));
    });
};
