import type { Json, Unstructured } from "../../object.ts";
import { fieldError, OMITTED } from "../../status/field-error.ts";
import {
  all,
  type Check,
  each,
  element,
  fields,
  isUnset,
  listOf,
  member,
  optional,
  text,
  unlessUnset,
  valueAt,
} from "../check.ts";
import { changed, immutable, immutableText, type RuleTable } from "../kind-rules.ts";
import { dnsSubdomain, pathSegment } from "../names.ts";
import { isSequence, pemBlocks } from "../pem-blocks.ts";
import { signerName } from "../signer-name.ts";
import { approval, signing } from "./certificate-status.ts";

const USAGES = [
  ...["any", "cert sign", "client auth", "code signing", "content commitment", "crl sign", "data encipherment"],
  ...["decipher only", "digital signature", "email protection", "encipher only", "ipsec end system", "ipsec tunnel"],
  ...["ipsec user", "key agreement", "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime"],
  ...["server auth", "signing", "timestamping"],
];

const requestSpec: Check = (value, at, errors) => {
  const [block] = pemBlocks(member(value, "request"));
  const isRequest = block?.type === "CERTIFICATE REQUEST";
  const why = isRequest ? "asn1: syntax error: data truncated" : "PEM block type must be CERTIFICATE REQUEST";
  if (!isRequest || !isSequence(block.bytes))
    errors.push(fieldError.invalid(`${at}.request`, member(value, "request") ?? null, why));
  if (listOf(member(value, "usages")).length === 0) errors.push(fieldError.required(`${at}.usages`));
  each((usage, here, found) => {
    if (!USAGES.includes(String(usage ?? ""))) found.push(fieldError.notSupported(here, usage ?? "", USAGES));
  })(member(value, "usages"), `${at}.usages`, errors);
  listOf(member(value, "usages")).forEach((usage, index, all) => {
    if (all.indexOf(usage) < index) errors.push(fieldError.duplicate(element(`${at}.usages`, index), usage));
  });
  fields({
    signerName: (name, here, found) => {
      signerName(name, here, found);
      if (name === "kubernetes.io/legacy-unknown")
        found.push(fieldError.invalid(here, name, "the legacy signerName is not allowed via this API version"));
    },
    expirationSeconds: optional((seconds, here, found) => {
      if (Number(seconds) < 600)
        found.push(fieldError.invalid(here, seconds, "may not specify a duration less than 600 seconds (10 minutes)"));
    }),
  })(value, at, errors);
};

const trustBundle: Check = (value, at, errors) => {
  const text = String(value ?? "");
  if (!text.includes("-----BEGIN CERTIFICATE-----"))
    errors.push(fieldError.invalid(at, "<value omitted>", "at least one trust anchor must be provided"));
};

/** Bundles of a signer are named "<domain>:<path>:<name>", others without colons. */
const bundleName: Check = (object, _at, errors) => {
  const [name, signer] = [String(valueAt(object, "metadata.name") ?? ""), valueAt(object, "spec.signerName")];
  if (isUnset(signer)) {
    if (name.includes(":"))
      errors.push(
        fieldError.invalid(
          "metadata.name",
          name,
          'ClusterTrustBundle without signer name must not have ":" in its name',
        ),
      );
    return;
  }
  const prefix = `${String(signer).replaceAll("/", ":")}:`;
  if (!name.startsWith(prefix))
    errors.push(
      fieldError.invalid(
        "metadata.name",
        name,
        `ClusterTrustBundle for signerName ${String(signer)} must be named with prefix ${prefix}`,
      ),
    );
};

function lastSegment(name: string): string[] {
  return dnsSubdomain(name.slice(name.lastIndexOf(":") + 1));
}

const uid: Check = (value, at, errors) => {
  if (isUnset(value)) errors.push(fieldError.invalid(at, "", "must not be empty"));
  else if (String(value).length > 128) errors.push(fieldError.tooLong(at, 128));
};

const DAY = 24 * 3600;

function isOfKubernetes(signer: unknown): boolean {
  return /^(?:[^/]*\.)?kubernetes\.io(?:\/|$)/.test(String(signer ?? ""));
}

const podRequest: Check = (value, at, errors) => {
  fields({
    signerName,
    podName: text(dnsSubdomain),
    podUID: uid,
    serviceAccountName: text(dnsSubdomain),
    serviceAccountUID: uid,
    nodeName: text(dnsSubdomain),
    nodeUID: uid,
    maxExpirationSeconds: (seconds, here, found) => {
      if (seconds === undefined) return;
      const most = isOfKubernetes(member(value, "signerName")) ? DAY : 91 * DAY;
      if (Number(seconds) < 3600 || Number(seconds) > most)
        found.push(fieldError.invalid(here, seconds, `must be in the range [3600, ${most}]`));
    },
  })(value, at, errors);
  const [stub, key, proof] = ["stubPKCS10Request", "pkixPublicKey", "proofOfPossession"].map(
    (name) => !isUnset(member(value, name)),
  );
  if (key !== proof || stub === key) {
    const why = "exactly one of (stubPKCS10Request) or (pkixPublicKey, proofOfPossession) must be set";
    errors.push(fieldError.invalid(at, OMITTED, why));
  }
};

/** No stub and an empty one are the same. */
function withStub(request: Unstructured): Unstructured {
  const spec = valueAt(request, "spec") as Readonly<Record<string, Json>> | undefined;
  return { ...request, spec: { ...spec, stubPKCS10Request: spec?.["stubPKCS10Request"] ?? "" } } as Unstructured;
}

export const CERTIFICATES = {
  "certificates.k8s.io/CertificateSigningRequest": {
    name: pathSegment,
    state: fields({ spec: requestSpec }),
    updateState: () => [],
    update: immutable("spec"),
    subresources: { approval, status: signing },
  },
  "certificates.k8s.io/ClusterTrustBundle": {
    name: lastSegment,
    state: all(bundleName, fields({ spec: fields({ trustBundle, signerName: unlessUnset(signerName) }) })),
    update: immutableText("spec.signerName"),
  },
  "certificates.k8s.io/PodCertificateRequest": {
    state: fields({ spec: podRequest }),
    updateState: () => [],
    update: (next, old) =>
      changed(withStub(next), withStub(old), "spec")
        ? [fieldError.invalid("spec", valueAt(next, "spec"), "field is immutable")]
        : [],
  },
} satisfies RuleTable;
