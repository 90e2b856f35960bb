import { formatTime } from "@tsukube/foundation";
import type { CertificateSigningRequest } from "../../../generated/types/certificates-v1.ts";
import type { Unstructured } from "../../object.ts";
import { CERTIFICATES } from "../../validation/groups/certificates.ts";
import { duration } from "../ages.ts";
import { created, listAt, NONE, name, or } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** CertificateSigningRequest: certificates.k8s.io/v1. */
export const certificatesigningrequests: Resource = {
  group: "certificates.k8s.io",
  resource: "certificatesigningrequests",
  resets: ["f:spec"],
  prepareForCreate: (csr, { user }) => ({
    ...csr,
    spec: {
      ...withoutRequestor(csr),
      username: user.name,
      groups: user.groups,
      ...(user.uid !== undefined && { uid: user.uid }),
      ...(Object.keys(user.extra).length > 0 && { extra: user.extra }),
    },
    status: {},
  }),
  prepareForUpdate: (next, old) => ({ ...next, spec: old["spec"], status: old["status"] }),
  prepareForStatus: withConditionTimes,
  fieldLabels: { "spec.signerName": "spec.signerName" },
  rules: CERTIFICATES["certificates.k8s.io/CertificateSigningRequest"],
  cells: (object, now) => {
    const seconds = textAt(object, "spec.expirationSeconds");
    return [
      name(object),
      created(object, now),
      or(textAt(object, "spec.signerName")),
      textAt(object, "spec.username"),
      seconds === "" ? NONE : duration(Number(seconds)),
      signingState(object),
    ];
  },
};

/** The spec without what it says of who asks: that is known. */
function withoutRequestor(csr: Unstructured): object {
  const { uid: _uid, extra: _extra, ...spec } = (csr["spec"] ?? {}) as Readonly<Record<string, unknown>>;
  return spec;
}

function signingState(object: Unstructured): string {
  const is = (type: string): boolean => listAt(object, "status.conditions").some(({ type: found }) => found === type);
  const decided = is("Denied") ? "Denied" : is("Approved") ? "Approved" : "Pending";
  const failed = is("Failed") ? ",Failed" : "";
  return `${decided}${failed}${textAt(object, "status.certificate") === "" ? "" : ",Issued"}`;
}

/** New conditions are of now; the others keep their times. */
function withConditionTimes(next: Unstructured, old: Unstructured, now: number): Unstructured {
  const conditionsOf = (of: Unstructured) => (of as CertificateSigningRequest & Unstructured).status?.conditions ?? [];
  const conditions = conditionsOf(next).map((condition) => {
    const before = conditionsOf(old).find(({ type }) => type === condition.type);
    const isKept = before?.status === condition.status;
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? formatTime(now),
      lastTransitionTime:
        condition.lastTransitionTime ?? (isKept ? before?.lastTransitionTime : undefined) ?? formatTime(now),
    };
  });
  return conditions.length === 0 ? next : { ...next, status: { ...(next["status"] as object), conditions } };
}
