/** What an image runs on (OCI image spec, image-index.md). */
export interface Platform {
  readonly os?: string;
  readonly architecture?: string;
  readonly variant?: string;
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

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

/** "linux/amd64", "linux/arm64/v8". */
export function parsePlatform(text: string): Platform {
  const [os = "linux", architecture = OWN_PLATFORM.architecture, variant] = text.split("/");
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter((part) => part !== undefined && part !== "").join("/");
}
