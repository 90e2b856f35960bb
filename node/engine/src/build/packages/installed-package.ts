/** A package that is installed in an image. */
export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  /** Package URL: "pkg:deb/debian/bash@5.2.15-2?arch=amd64". */
  readonly purl: string;
  /** As the package says it. */
  readonly license?: string;
}

/** A version in a package URL. */
export function encoded(version: string): string {
  return encodeURIComponent(version).replaceAll("%3A", ":");
}
