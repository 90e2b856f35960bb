import { fieldError } from "../../status/field-error.ts";
import {
  all,
  type Check,
  child,
  element,
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
import { shownSelector } from "../typed-value.ts";
import { downwardApiFiles } from "./downward-api.ts";
import { fileMode, keyToPaths, localPath, userId } from "./volume-files.ts";

const SECONDS_A_DAY = 24 * 3600;
const KEY_TYPES = ["RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"];

const objectFiles: Check = fields({ name: required(), items: keyToPaths });

/** Upstream names the token's path as one of the volume's. */
function token(value: unknown, volume: string, at: string, errors: Parameters<Check>[2]): void {
  const seconds = member(value, "expirationSeconds");
  const here = child(at, "expirationSeconds");
  if (seconds === undefined) errors.push(fieldError.required(here));
  else if (Number(seconds) < 600)
    errors.push(fieldError.invalid(here, seconds, "may not specify a duration less than 10 minutes"));
  else if (Number(seconds) > 2 ** 32)
    errors.push(fieldError.invalid(here, seconds, "may not specify a duration larger than 2^32 seconds"));
  required(localPath)(member(value, "path"), child(volume, "path"), errors);
}

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
      fieldError.invalid(
        child(at, "labelSelector"),
        shownSelector(selector),
        "labelSelector must be unset if name is specified",
      ),
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

/** Files of one source that all sources of a volume share paths with. `shown` is the value that a conflict shows. */
type Paths = (of: unknown) => readonly { readonly path: string; readonly shown: unknown }[];

const itemPaths: Paths = (of) =>
  listOf(member(of, "items")).map((item) => ({
    path: String(member(item, "path") ?? ""),
    shown: member(of, "name") ?? "",
  }));

const SOURCES: readonly (readonly [name: string, check: Check, paths: Paths])[] = [
  ["secret", objectFiles, itemPaths],
  ["configMap", objectFiles, itemPaths],
  ["downwardAPI", downwardApiFiles, (of) => itemPaths(of).map(({ path }) => ({ path, shown: path }))],
  ["serviceAccountToken", () => {}, () => []],
  ["clusterTrustBundle", trustBundle, (of) => [shownPath(member(of, "path"))]],
  ["podCertificate", podCertificate, (of) => CERTIFICATE_PATHS.map((name) => shownPath(member(of, name)))],
];

function shownPath(value: unknown) {
  const path = String(value ?? "");
  return { path, shown: path };
}

/** A volume whose files come from several sources, none from two. */
export const projected: Check = (value, at, errors) => {
  fields({ defaultMode: fileMode, defaultUser: optional(userId) })(value, at, errors);
  const seen = new Set<string>();
  listOf(member(value, "sources")).forEach((one, index) => {
    const here = element(child(at, "sources"), index);
    const present = SOURCES.filter(([name]) => member(one, name) !== undefined);
    for (const [name, check, pathsOf] of present) {
      const of = member(one, name);
      check(of, child(here, name), errors);
      if (name === "serviceAccountToken") token(of, at, child(here, name), errors);
      for (const { path, shown } of pathsOf(of)) {
        if (path !== "" && seen.has(path)) errors.push(fieldError.invalid(at, shown, "conflicting duplicate paths"));
        seen.add(path);
      }
    }
    if (present.length > 1)
      errors.push(fieldError.forbidden(here, "may not specify more than 1 volume type per source"));
  });
};
