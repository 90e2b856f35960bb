import { resolve } from "node:path";
import { TsukubeError } from "@tsukube/foundation";

/** As `POST /build` takes it. */
type CachePlace =
  | { readonly type: "registry"; readonly ref: string; readonly mode?: string }
  | { readonly type: "local"; readonly folder: string; readonly mode?: string }
  | { readonly type: "inline" };

/** A `--cache-from` or `--cache-to`: "type=registry,ref=localhost:5000/cache", or that name alone. @throws {TsukubeError} `usage`. */
export function cachePlace(text: string, direction: "from" | "to"): CachePlace {
  if (!text.includes("=")) return { type: "registry", ref: text };
  const { type = "", ...options } = Object.fromEntries(
    text.split(",").map((part): [string, string] => {
      const at = part.indexOf("=");
      return at < 0 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
    }),
  ) as Readonly<Record<string, string>>;
  const folder = direction === "from" ? "src" : "dest";
  const needed = { registry: "ref", local: folder, inline: undefined }[type];
  const { mode = "min" } = options;
  const takesMode = direction === "to" && (mode === "max" || mode === "min") && type !== "inline";
  const allowed = [needed, ...(takesMode ? ["mode"] : [])];
  const isKnown = type === "registry" || type === "local" || (type === "inline" && direction === "to");
  const isWhole = needed === undefined || (options[needed] ?? "") !== "";
  if (!isKnown || !isWhole || !Object.keys(options).every((name) => allowed.includes(name)))
    throw new TsukubeError(
      "usage",
      `Cannot use --cache-${direction} ${text}: expected type=registry,ref=IMAGE or type=local,${folder}=DIR${direction === "to" ? ", with mode=min (what the image is made of) or mode=max (all steps), or type=inline" : ""}`,
    );
  if (type === "inline") return { type };
  const more = mode === "max" ? { mode } : {};
  if (type === "registry") return { type, ref: options["ref"]!, ...more };
  return { type: "local", folder: resolve(options[folder]!), ...more };
}
