import { codeOf } from "@tsukube/foundation";

/** Exit codes: 0 done, 1 failed, 2 wrong use, 64 starting again cannot help (read by the supervisor). */
export function exitCodeOf(error: unknown): number {
  switch (codeOf(error)) {
    case "usage":
      return 2;
    case "newer-state":
    case "damaged":
    case "unusable":
    case "undecryptable":
      return 64;
    default:
      return 1;
  }
}
