import { managedFieldsProblem, type Unstructured } from "@tsukube/api";
import type { RequestContext } from "../contracts.ts";

/** An object that admission changed, with the managed fields that it had before where those of now cannot be read; who asked is warned. */
export function withReadableManagers(
  context: RequestContext,
  admitted: Unstructured,
  before: Unstructured | undefined,
): Unstructured {
  const { managedFields: entries = [], ...metadata } = admitted.metadata ?? {};
  const kept = before?.metadata?.managedFields;
  const problem = entries === kept ? undefined : managedFieldsProblem(entries);
  if (problem === undefined) return admitted;
  context.warn(
    ".metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating admission " +
      `controller; please fix your requests: ${problem}`,
  );
  return { ...admitted, metadata: { ...metadata, ...(kept !== undefined && { managedFields: kept }) } };
}
