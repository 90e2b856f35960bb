import { TsukubeError } from "@tsukube/foundation";

/** What an image runs on (OCI image spec, image-index.md). */
export interface Platform {
  readonly os?: string;
  readonly architecture?: string;
  readonly variant?: string;
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

const SYSTEMS: ReadonlySet<string> = new Set(["linux", "windows", "darwin", "freebsd"]);

/** What machines call themselves, in Go's words with the variant that goes with it. */
const SPELLINGS: Readonly<Record<string, readonly [architecture: string, variant?: string]>> = {
  x86_64: ["amd64"],
  "x86-64": ["amd64"],
  i386: ["386"],
  aarch64: ["arm64"],
  armhf: ["arm", "v7"],
  armel: ["arm", "v6"],
};

/** This machine in Go's words. */
export const OWN_PLATFORM = {
  os: "linux",
  architecture: ARCHITECTURES[process.arch] ?? process.arch,
} as const satisfies Platform;

/** Whether an image is for a platform; any variant is where none is named. */
export function isFor({ os = "linux", architecture, variant }: Platform, wanted: Platform): boolean {
  const hasVariant = wanted.variant === undefined || variant === wanted.variant;
  return os === wanted.os && architecture === wanted.architecture && hasVariant;
}

/** "linux/amd64", "linux/arm64/v8", or the one or the other, in the words that containerd takes. @throws {TsukubeError} `invalid`. */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split("/");
  if (parts.length > 3 || !parts.every((part) => /^[a-z0-9_.-]+$/.test(part)))
    throw new TsukubeError(
      "invalid",
      `Cannot use platform "${text}": expected one such as linux/amd64 or linux/arm64/v8`,
    );
  const [os = "", named = "", given] = parts.length === 1 && !SYSTEMS.has(text) ? ["linux", ...parts] : parts;
  const [architecture = OWN_PLATFORM.architecture, implied] = SPELLINGS[named] ?? [named || undefined];
  const variant = given ?? implied;
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter((part) => part !== undefined && part !== "").join("/");
}
