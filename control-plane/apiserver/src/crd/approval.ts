import type { ConditionOfDefinition } from "@tsukube/api";
import type { CustomResourceDefinition } from "@tsukube/api/types/apiextensions-v1";

const ANNOTATION = "api-approved.kubernetes.io";
const TYPE = "KubernetesAPIApprovalPolicyConformant";

/** Pure: what a definition of a group of the Kubernetes community says of its approval; undefined for the groups of everybody. */
export function approvalOf({ metadata, spec }: CustomResourceDefinition): ConditionOfDefinition | undefined {
  if (!/(^|\.)(k8s|kubernetes)\.io$/.test(spec?.group ?? "")) return undefined;
  const said = metadata?.annotations?.[ANNOTATION] ?? "";
  if (said === "") {
    const message = `protected groups must have approval annotation "${ANNOTATION}", see https://github.com/kubernetes/enhancements/pull/1111`;
    return { type: TYPE, status: "False", reason: "MissingAnnotation", message };
  }
  if (said.startsWith("unapproved")) {
    return { type: TYPE, status: "False", reason: "UnapprovedAnnotation", message: `not approved: "${said}"` };
  }
  if (/^https?:\/\/[^/]+/.test(said))
    return { type: TYPE, status: "True", reason: "ApprovedAnnotation", message: `approved in ${said}` };
  const message = `protected groups must have approval annotation "${ANNOTATION}" with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111`;
  return { type: TYPE, status: "False", reason: "InvalidAnnotation", message };
}
