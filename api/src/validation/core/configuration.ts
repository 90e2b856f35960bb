import { withoutEnd } from "@tsukube/foundation";
import { decodeUnstructured } from "../../codec/json-decode.ts";
import { fieldError } from "../../status/field-error.ts";
import { type Check, element, entriesOf, isUnset, member, text, valueAt } from "../check.ts";
import { changed, type KindRules, type UpdateCheck } from "../kind-rules.ts";
import { configMapKey, dnsSubdomain } from "../names.ts";
import { byteLength } from "../object-meta.ts";

const MAX_BYTES = 1_048_576;

/** Sizes of base64 text are those of the bytes behind it. */
function base64Length(value: unknown): number {
  const encoded = String(value);
  return Math.floor((withoutEnd(encoded, "=").length * 3) / 4);
}

const configMapState: Check = (object, _at, errors) => {
  let size = 0;
  for (const [key, value] of entriesOf(member(object, "data"))) {
    text(configMapKey)(key, element("data", key), errors);
    if (member(member(object, "binaryData"), key) !== undefined) {
      errors.push(fieldError.invalid(element("data", key), key, "duplicate of key present in binaryData"));
    }
    size += byteLength(String(value));
  }
  for (const [key, value] of entriesOf(member(object, "binaryData"))) {
    text(configMapKey)(key, element("binaryData", key), errors);
    size += base64Length(value);
  }
  if (size > MAX_BYTES) errors.push(fieldError.tooLong("[]", MAX_BYTES));
};

/** Once `immutable` is true it stays, and so does the content. */
function sealed(...content: readonly string[]): UpdateCheck {
  return (next, old) => {
    if (valueAt(old, "immutable") !== true) return [];
    const paths = [
      ...(valueAt(next, "immutable") === true ? [] : ["immutable"]),
      ...content.filter((path) => changed(next, old, path)),
    ];
    return paths.map((path) => fieldError.forbidden(path, "field is immutable when `immutable` is set"));
  };
}

export const configMap: KindRules = { state: configMapState, updateFirst: true, update: sealed("data", "binaryData") };

/** The keys that each type of secret must have. */
const REQUIRED_KEYS: Readonly<Record<string, readonly string[]>> = {
  "kubernetes.io/dockercfg": [".dockercfg"],
  "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
  "kubernetes.io/ssh-auth": ["ssh-privatekey"],
  "kubernetes.io/tls": ["tls.crt", "tls.key"],
};

const secretState: Check = (object, _at, errors) => {
  let size = 0;
  for (const [key, value] of entriesOf(member(object, "data"))) {
    text(configMapKey)(key, element("data", key), errors);
    size += base64Length(value);
  }
  if (size > MAX_BYTES) errors.push(fieldError.tooLong("data", MAX_BYTES));
  secretOfType(object, "", errors);
};

const secretOfType: Check = (object, _at, errors) => {
  const type = String(member(object, "type") ?? "");
  const data = member(object, "data");
  if (type === "kubernetes.io/service-account-token") {
    const annotation = "kubernetes.io/service-account.name";
    if (isUnset(member(valueAt(object, "metadata.annotations"), annotation))) {
      errors.push(fieldError.required(element("metadata.annotations", annotation)));
    }
  }
  if (
    type === "kubernetes.io/basic-auth" &&
    member(data, "username") === undefined &&
    member(data, "password") === undefined
  ) {
    for (const key of ["username", "password"]) errors.push(fieldError.required(element("data", key)));
  }
  for (const key of REQUIRED_KEYS[type] ?? []) {
    const isMissing = key === "ssh-privatekey" ? isUnset(member(data, key)) : member(data, key) === undefined;
    if (isMissing) errors.push(fieldError.required(element("data", key)));
    else if (type.includes("docker")) jsonText(member(data, key), element("data", key), errors);
  }
};

const jsonText: Check = (value, at, errors) => {
  try {
    decodeUnstructured(Uint8Array.from(atob(String(value)), (character) => character.charCodeAt(0)));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    errors.push(fieldError.invalid(at, "<secret contents redacted>", why));
  }
};

const typeStays: UpdateCheck = (next, old) =>
  changed(next, old, "type") ? [fieldError.invalid("type", valueAt(next, "type"), "field is immutable")] : [];

export const secret: KindRules = {
  state: secretState,
  updateFirst: true,
  update: (next, old, context) => [...typeStays(next, old, context), ...sealed("data")(next, old, context)],
};

export const serviceAccount: KindRules = { name: dnsSubdomain };
