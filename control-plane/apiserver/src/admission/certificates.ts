import { ApiError, jsonEqual, type Unstructured } from "@tsukube/api";
import type { CertificateSigningRequest } from "@tsukube/api/types/certificates-v1";
import type { AdmissionAttributes, AdmissionPlugin, Authorizer, User } from "../contracts.ts";

const GROUP = "certificates.k8s.io";
const CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client";

type Request = CertificateSigningRequest & Unstructured;

/** Whether the user has the verb for the signer's name, or for all of its domain ("example.com/*"). */
async function mayUseSigner(authorizer: Authorizer, user: User, verb: string, signer: string): Promise<boolean> {
  const base = { user, verb, isResource: true, group: GROUP, version: "*", resource: "signers", path: "" };
  for (const name of [signer, `${signer.split("/")[0]}/*`]) {
    const { decision } = await authorizer.authorize({ ...base, subresource: "", namespace: "", name });
    if (decision === "allow") return true;
  }
  return false;
}

const isRequest = ({ resource, operation }: AdmissionAttributes): boolean =>
  resource.group === GROUP && resource.resource === "certificatesigningrequests" && operation !== "DELETE";

function refuse({ resource, name }: AdmissionAttributes, why: string): never {
  throw ApiError.forbidden(resource, name, why);
}

/** Only who may approve for a signer approves requests to it. */
export function certificateApproval(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: "CertificateApproval",
    handles: (attributes) => isRequest(attributes) && attributes.subresource === "approval",
    async validate(attributes) {
      const signer = (attributes.oldObject as Request | undefined)?.spec?.signerName ?? "";
      if (await mayUseSigner(authorizer, attributes.context.user, "approve", signer)) return;
      refuse(attributes, `user not permitted to approve requests with signerName "${signer}"`);
    },
  };
}

/** Only who may sign for a signer writes certificates. */
export function certificateSigning(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: "CertificateSigning",
    handles: (attributes) => isRequest(attributes) && attributes.subresource === "status",
    async validate(attributes) {
      const [old, next] = [attributes.oldObject as Request | undefined, attributes.object as Request | undefined];
      const signed = (of: Request | undefined): unknown => [
        of?.status?.certificate ?? "",
        of?.status?.conditions ?? [],
      ];
      if (jsonEqual(signed(old), signed(next))) return;
      const signer = old?.spec?.signerName ?? "";
      if (await mayUseSigner(authorizer, attributes.context.user, "sign", signer)) return;
      refuse(attributes, `user not permitted to sign requests with signerName "${signer}"`);
    },
  };
}

/** No certificate that an ordinary signer makes may name the group that may do everything. */
export const certificateSubjectRestriction: AdmissionPlugin = {
  name: "CertificateSubjectRestriction",
  handles: (attributes) => isRequest(attributes) && attributes.operation === "CREATE" && attributes.subresource === "",
  async validate(attributes) {
    const { spec } = attributes.object as Request;
    if (spec?.signerName !== CLIENT_SIGNER) return;
    const { readCertificateRequest } = await import("@tsukube/host/certificates");
    let organizations: readonly string[];
    try {
      ({ organizations } = readCertificateRequest(Buffer.from(spec.request ?? "", "base64").toString("latin1")));
    } catch (error) {
      return refuse(attributes, `failed to parse CSR: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (organizations.includes("system:masters"))
      refuse(attributes, `use of ${CLIENT_SIGNER} signer with system:masters group is not allowed`);
  },
};

/** Only who may attest for a signer publishes trust in it. */
export function clusterTrustBundleAttest(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: "ClusterTrustBundleAttest",
    handles: ({ resource, operation }) =>
      resource.group === GROUP &&
      resource.resource === "clustertrustbundles" &&
      (operation === "CREATE" || operation === "UPDATE"),
    async validate(attributes) {
      const signerOf = (of: Unstructured | undefined): string =>
        (of?.["spec"] as { readonly signerName?: string } | undefined)?.signerName ?? "";
      const signer = signerOf(attributes.object);
      if (signer === "" || isUnchanged(attributes)) return;
      if (await mayUseSigner(authorizer, attributes.context.user, "attest", signer)) return;
      refuse(attributes, `user not permitted to attest for signerName "${signer}"`);
    },
  };
}

function isUnchanged({ object, oldObject }: AdmissionAttributes): boolean {
  if (oldObject === undefined) return false;
  return (
    jsonEqual(object?.["spec"], oldObject["spec"]) &&
    jsonEqual(object?.metadata?.labels ?? {}, oldObject.metadata?.labels ?? {}) &&
    jsonEqual(object?.metadata?.annotations ?? {}, oldObject.metadata?.annotations ?? {})
  );
}
