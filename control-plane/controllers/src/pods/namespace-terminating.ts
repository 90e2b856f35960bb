import { ApiError } from "@tsukube/api";

/** Whether a pod was refused because its namespace is being deleted: any other would be, too, and nobody has to try again. */
export function isNamespaceTerminating(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  return (error.status.details?.causes ?? []).some(({ reason }) => reason === "NamespaceTerminating");
}
