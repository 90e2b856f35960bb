import { codeOf, messageOf, TsukubeError } from "@tsukube/foundation";
import { formatReference, type Reference } from "./reference.ts";

const IS_IT_THERE = "check that the registry runs and that this machine reaches it";
const REMEDIES: Readonly<Record<string, Readonly<Record<"pull" | "push", string>>>> = {
  "not-found": {
    pull: "check name and tag, and that it was pushed",
    push: "check the name: this registry may want the repository to be made first",
  },
  unauthorized: {
    pull: "check the name, and give user name and password if it is private",
    push: "give user name and password of one who may push there",
  },
  unreachable: { pull: IS_IT_THERE, push: IS_IT_THERE },
  "wrong-digest": {
    pull: "the registry, or something before it, serves other content than its name says: pull again, or ask its operator",
    push: "",
  },
};

/** The error of what the disk has no room for. @param what It was: `pull "busybox"`. */
export function diskFull(what: string, cause: unknown): TsukubeError {
  const remedy = 'expected more; "docker system prune" or "tsukube image rm" makes some';
  return new TsukubeError("disk-full", `Cannot ${what}: there is no space left on the disk, ${remedy}`, { cause });
}

/** Others put their words around such an error. */
export function isDiskFull(error: unknown): boolean {
  const isFull = ["ENOSPC", "EDQUOT"].includes(codeOf(error) ?? "");
  return isFull || (error instanceof Error && error.cause !== undefined && isDiskFull(error.cause));
}

/** The error of a transfer with the image's name, what the registry answered, and what to do; its code stays. */
export function transferError(action: "pull" | "push", reference: Reference, cause: unknown): unknown {
  const code = codeOf(cause);
  if (code === "ENOSPC") return diskFull(`${action} "${formatReference(reference)}"`, cause);
  if (!(cause instanceof TsukubeError) || code === undefined) return cause;
  const name = formatReference(reference);
  if (cause.message.startsWith(`Cannot ${action} "${name}"`)) return cause;
  const remedy = REMEDIES[code]?.[action] ?? "";
  const said = messageOf(cause);
  return new TsukubeError(code, `Cannot ${action} "${name}": ${said}${remedy === "" ? "" : `; ${remedy}`}`, { cause });
}

/** The error of a login at a registry that is not there; others say enough. */
export function loginError(registry: string, cause: unknown): unknown {
  if (codeOf(cause) !== "unreachable") return cause;
  return new TsukubeError("unreachable", `Cannot log in to "${registry}": ${messageOf(cause)}; ${IS_IT_THERE}`, {
    cause,
  });
}
