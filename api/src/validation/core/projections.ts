import { fieldError } from "../../status/field-error.ts";
import {
  all,
  type Check,
  child,
  each,
  entriesOf,
  exactlyOneOf,
  fields,
  isUnset,
  listOf,
  member,
  optional,
  required,
  unlessUnset,
} from "../check.ts";
import { labelSelector } from "../label-selectors.ts";
import { dnsSubdomain } from "../names.ts";
import { annotations } from "../object-meta.ts";
import { signerName } from "../signer-name.ts";
import { fileMode, keyToPaths, localPath, userId } from "./volume-files.ts";

const SECONDS_A_DAY = 24 * 3600;
const KEY_TYPES = ["RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"];

const objectFiles: Check = fields({ name: required(), items: keyToPaths });

const token: Check = fields({
  path: required(localPath),
  expirationSeconds: optional((value, at, errors) => {
    if (Number(value) < 600)
      errors.push(fieldError.invalid(at, value, "may not specify a duration less than 10 minutes"));
    if (Number(value) > 2 ** 32)
      errors.push(fieldError.invalid(at, value, "may not specify a duration larger than 2^32 seconds"));
  }),
});

/** Trust anchors by the name of their object, or by their signer. */
const trustBundle: Check = (value, at, errors) => {
  const [name, signer] = [member(value, "name"), member(value, "signerName")];
  if (name !== undefined && signer !== undefined)
    errors.push(fieldError.invalid(at, value, "only one of name and signerName may be used"));
  else if (name !== undefined) bundleByName(value, at, errors);
  else if (signer !== undefined) fields({ signerName, labelSelector: optional(labelSelector) })(value, at, errors);
  else errors.push(fieldError.required(at, "either name or signerName must be specified"));
  fields({ path: required(localPath) })(value, at, errors);
};

const bundleByName: Check = (value, at, errors) => {
  const [name, selector] = [String(member(value, "name")), member(value, "labelSelector")];
  if (name === "") errors.push(fieldError.required(child(at, "name"), "must be a valid object name"));
  for (const problem of dnsSubdomain(name.slice(name.lastIndexOf(":") + 1)))
    errors.push(fieldError.invalid(child(at, "name"), name, `not a valid clustertrustbundlename: ${problem}`));
  if (selector !== undefined)
    errors.push(
      fieldError.invalid(child(at, "labelSelector"), selector, "labelSelector must be unset if name is specified"),
    );
};

const CERTIFICATE_PATHS = ["credentialBundlePath", "keyPath", "certificateChainPath"] as const;

const podCertificate: Check = all(
  fields({
    signerName,
    keyType: exactlyOneOf(...KEY_TYPES),
    userAnnotations: optional(annotations, (value, at, errors) => {
      for (const [key] of entriesOf(value))
        if (!key.includes("/"))
          errors.push(fieldError.invalid(at, key, "must be a domain-prefixed key (such as 'acme.io/foo')"));
    }),
    credentialBundlePath: unlessUnset(localPath),
    keyPath: unlessUnset(localPath),
    certificateChainPath: unlessUnset(localPath),
  }),
  (value, at, errors) => {
    const seconds = member(value, "maxExpirationSeconds");
    const [domain = ""] = String(member(value, "signerName") ?? "").split("/");
    const isOurs = domain === "kubernetes.io" || domain.endsWith(".kubernetes.io");
    const most = (isOurs ? 1 : 91) * SECONDS_A_DAY;
    const refuse = (why: string): void =>
      void errors.push(
        fieldError.invalid(
          child(at, "maxExpirationSeconds"),
          seconds,
          `if provided, maxExpirationSeconds must be ${why}`,
        ),
      );
    if (seconds !== undefined && Number(seconds) < 3600) refuse(">= 3600");
    if (seconds !== undefined && Number(seconds) > most) refuse(`<= ${most}`);
    if (CERTIFICATE_PATHS.every((path) => isUnset(member(value, path)))) {
      const why = "specify at least one of credentialBundlePath, keyPath, and certificateChainPath";
      errors.push(fieldError.required(at, why));
    }
  },
);

const SOURCES = {
  secret: objectFiles,
  configMap: objectFiles,
  downwardAPI: fields({
    items: each(fields({ path: required(localPath), mode: optional(fileMode), user: optional(userId) })),
  }),
  serviceAccountToken: token,
  clusterTrustBundle: trustBundle,
  podCertificate,
} as const satisfies Readonly<Record<string, Check>>;

const source: Check = (value, at, errors) => {
  const present = Object.entries(SOURCES).filter(([name]) => member(value, name) !== undefined);
  for (const [name, check] of present) check(member(value, name), child(at, name), errors);
  if (present.length > 1) errors.push(fieldError.forbidden(at, "may not specify more than 1 volume type per source"));
};

/** No file comes from two sources. */
const distinctPaths: Check = (value, at, errors) => {
  const seen = new Set<string>();
  for (const path of listOf(member(value, "sources")).flatMap(pathsOf)) {
    if (seen.has(path)) errors.push(fieldError.invalid(at, path, "conflicting duplicate paths"));
    seen.add(path);
  }
};

function pathsOf(of: unknown): readonly string[] {
  const items = ["secret", "configMap", "downwardAPI"].flatMap((name) => listOf(member(member(of, name), "items")));
  const paths = [
    ...items.map((item) => member(item, "path")),
    member(member(of, "clusterTrustBundle"), "path"),
    ...CERTIFICATE_PATHS.map((path) => member(member(of, "podCertificate"), path)),
  ];
  return paths.filter((path) => !isUnset(path)).map(String);
}

/** A volume whose files come from several sources. */
export const projected: Check = all(
  fields({ defaultMode: fileMode, defaultUser: optional(userId), sources: each(source) }),
  distinctPaths,
);
