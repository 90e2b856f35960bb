import { dirname, join } from "node:path";
import { build, type Metafile } from "esbuild";
import { expect, test } from "vitest";

const root = dirname(dirname(import.meta.dirname));

test.each(["up", "down", "status", "engine", "containers", "build"])(
  "what a process of its own does is not loaded by the command: %s",
  async (command) => {
    const entry = `cli/src/commands/${command}.ts`;
    const { metafile } = await build({
      absWorkingDir: root,
      entryPoints: [entry],
      outdir: "dist",
      bundle: true,
      splitting: true,
      write: false,
      metafile: true,
      platform: "node",
      format: "esm",
      external: ["lmdb", "koffi"],
    });
    const loaded = loadedBy(entry, metafile);
    expect(loaded).toContain(join(entry));
    const servers =
      /^(control-plane\/(apiserver\/src\/server|store\/src\/lmdb-store|scheduler|controllers)|node\/kubelet)/;
    expect(loaded.filter((source) => servers.test(source))).toEqual([]);
  },
);

/** The sources that are read before the command's first statement. */
function loadedBy(entry: string, { outputs }: Metafile): readonly string[] {
  const [start] = Object.keys(outputs).filter((output) => outputs[output]?.entryPoint === entry);
  const chunks = new Set([start ?? ""]);
  for (const chunk of chunks)
    for (const { path, kind } of outputs[chunk]?.imports ?? []) if (kind === "import-statement") chunks.add(path);
  return [...chunks].flatMap((chunk) => Object.keys(outputs[chunk]?.inputs ?? {}));
}
