import { RegistryError } from "./registry-error.ts";

const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha(?:256:[a-f0-9]{64}|512:[a-f0-9]{128})$/;
/** With a host before it, a longer name does not fit what clients take (distribution spec, "Pulling manifests"). */
const MAX_NAME = 255;

/** A digest's algorithm. */
export type Algorithm = "sha256" | "sha512";
export const ALGORITHMS: readonly Algorithm[] = ["sha256", "sha512"];

/** A repository's name may be a folder's: no component is "..", begins with "." or "_", or is empty. @throws {RegistryError} `NAME_INVALID`. */
export function repositoryName(text: string): string {
  if (text.length <= MAX_NAME && REPOSITORY.test(text)) return text;
  throw new RegistryError(
    "NAME_INVALID",
    `Cannot use repository name "${text}": expected lower-case letters and digits, separated by one of . _ - /`,
  );
}

export function isDigest(text: unknown): text is string {
  return typeof text === "string" && DIGEST.test(text);
}

export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** @throws {RegistryError} `DIGEST_INVALID`. */
export function digestOf(text: string | null): string {
  if (isDigest(text)) return text;
  throw new RegistryError(
    "DIGEST_INVALID",
    `Cannot use digest "${text ?? ""}": expected sha256 with 64 or sha512 with 128 hexadecimal digits`,
    { details: [{ digest: text }] },
  );
}

export function algorithmOf(digest: string): Algorithm {
  return digest.startsWith("sha512:") ? "sha512" : "sha256";
}

/** Tags and repositories in lexical order: by letters whatever their case, then by case (distribution spec, "Listing Tags"). */
export function byName(a: string, b: string): number {
  const [low, other] = [a.toLowerCase(), b.toLowerCase()];
  if (low !== other) return low < other ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
