import { createHash } from "node:crypto";
import { formatTime } from "@tsukube/foundation";
import type { ImageRecord } from "../images/image-store.ts";
import type { BuildRequest } from "./contracts.ts";
import type { InstalledPackage } from "./packages/packages-in.ts";

export const PROVENANCE = "https://slsa.dev/provenance/v1";
export const SPDX = "https://spdx.dev/Document";

/** An image that a build began from, or copied of. */
export interface Material {
  readonly name: string;
  readonly image: ImageRecord;
}

/**
 * How an image was made (SLSA provenance v1). Of arguments their names alone: values may be secrets.
 * @param began Milliseconds since the epoch.
 */
export function provenanceOf(
  request: BuildRequest,
  dockerfile: string,
  materials: readonly Material[],
  began: number,
  ended: number,
): object {
  const { target, platform, labels, buildArgs } = request;
  return {
    buildDefinition: {
      buildType: "urn:tsukube:dockerfile-build:v1",
      externalParameters: {
        dockerfile: request.dockerfile,
        arguments: Object.keys(buildArgs).sort(),
        labels,
        ...(target === undefined ? {} : { target }),
        ...(platform === undefined ? {} : { platform }),
      },
      resolvedDependencies: [
        { name: request.dockerfile, digest: { sha256: createHash("sha256").update(dockerfile).digest("hex") } },
        ...materials.map(({ name, image }) => ({ uri: `docker-image://${name}`, digest: digestOf(image) })),
      ],
    },
    runDetails: {
      builder: { id: "urn:tsukube:engine" },
      metadata: { startedOn: formatTime(began), finishedOn: formatTime(ended) },
    },
  };
}

/** What is in an image (SPDX 2.3, as JSON). @param uuid Of the document. */
export function spdxOf(name: string, packages: readonly InstalledPackage[], created: number, uuid: string): object {
  const listed = packages.map(({ name: title, version, purl, license }) => ({
    SPDXID: `SPDXRef-${createHash("sha256").update(purl).digest("hex").slice(0, 16)}`,
    name: title,
    versionInfo: version,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    licenseConcluded: "NOASSERTION",
    licenseDeclared: license !== undefined && /^[\w.+-]+$/.test(license) ? license : "NOASSERTION",
    copyrightText: "NOASSERTION",
    externalRefs: [{ referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: purl }],
  }));
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name,
    documentNamespace: `urn:uuid:${uuid}`,
    creationInfo: { created: formatTime(created), creators: ["Tool: tsukube"] },
    packages: listed,
    relationships: listed.map(({ SPDXID }) => ({
      spdxElementId: "SPDXRef-DOCUMENT",
      relationshipType: "DESCRIBES",
      relatedSpdxElement: SPDXID,
    })),
  };
}

/** Of its manifest, where it came from a registry; otherwise of its configuration. */
function digestOf({ id, digests }: ImageRecord): Readonly<Record<string, string>> {
  const [algorithm = "", hex = ""] = (digests[0]?.split("@")[1] ?? id).split(":");
  return { [algorithm]: hex };
}
