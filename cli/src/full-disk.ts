import { codeOf } from "@tsukube/foundation";

/** Whether something failed since a disk, or what somebody may have of it, is full. */
export function isFull(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT"].includes(codeOf(error) ?? "");
}
