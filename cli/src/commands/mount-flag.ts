import { resolve } from "node:path";
import { bytesOf, malformed, splitOnce } from "./flag-values.ts";

const LIKE = "type=bind,src=./data,dst=/data,readonly";
const NAMES: Readonly<Record<string, string>> = {
  ...{ source: "src", destination: "dst", target: "dst", ro: "readonly", nocopy: "volume-nocopy" },
};
const KNOWN = new Set([
  ...["type", "src", "dst", "readonly", "consistency", "bind-propagation", "bind-nonrecursive", "volume-nocopy"],
  ...["volume-label", "volume-driver", "volume-opt", "volume-subpath", "image-subpath", "tmpfs-size", "tmpfs-mode"],
]);

/** `--mount`, as an entry of HostConfig.Mounts. @throws {TsukubeError} `usage`. */
export function mountOf(text: string): object {
  const fields = fieldsOf(text).map((field): readonly [string, string] => {
    const [name, value] = splitOnce(field, "=");
    const known = NAMES[name.toLowerCase()] ?? name.toLowerCase();
    if (!KNOWN.has(known)) throw malformed("--mount", text, LIKE);
    return [known, field.includes("=") ? value : "true"];
  });
  const last = (name: string): string | undefined => fields.findLast(([each]) => each === name)?.[1];
  const all = (name: string) => fields.filter(([each]) => each === name).map(([, value]) => splitOnce(value, "="));
  const isSet = (name: string): boolean => ["true", "1"].includes(last(name) ?? "");
  const type = last("type") ?? "volume";
  const [target, source = ""] = [last("dst"), last("src")];
  if (target === undefined) throw malformed("--mount", text, LIKE);
  const mode = last("tmpfs-mode");
  const size = last("tmpfs-size");
  return {
    ...{ Type: type, Target: target, ReadOnly: isSet("readonly") },
    Source: type === "bind" && source.startsWith(".") ? resolve(source) : source,
    ...given("BindOptions", {
      ...given("Propagation", last("bind-propagation")),
      ...given("NonRecursive", isSet("bind-nonrecursive") || undefined),
    }),
    ...given("VolumeOptions", {
      ...given("NoCopy", isSet("volume-nocopy") || undefined),
      ...given("Subpath", last("volume-subpath")),
      ...given("Labels", Object.fromEntries(all("volume-label"))),
      ...given("DriverConfig", {
        ...given("Name", last("volume-driver")),
        ...given("Options", Object.fromEntries(all("volume-opt"))),
      }),
    }),
    ...given("ImageOptions", given("Subpath", last("image-subpath"))),
    ...given("TmpfsOptions", {
      ...given("SizeBytes", size === undefined ? undefined : bytesOf("tmpfs-size", size)),
      ...given("Mode", mode === undefined ? undefined : Number.parseInt(mode, 8)),
    }),
  };
}

/** Fields with commas of their own stand in quotes, as in CSV. */
function fieldsOf(text: string): readonly string[] {
  const fields = [...text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)];
  return fields.map(([, quoted, plain = ""]) => quoted?.replaceAll('""', '"') ?? plain);
}

function given(name: string, value: unknown): object {
  const isNothing = value === undefined || (typeof value === "object" && Object.keys(value ?? {}).length === 0);
  return isNothing ? {} : { [name]: value };
}
