import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { build, type Plugin } from "esbuild";

/** Entry points that run as programs of their own, by the name of their file in the bundle. */
const ENTRIES: Readonly<Record<string, string>> = {
  cli: "cli/src/main.ts",
  server: "cli/src/processes/server.ts",
  node: "cli/src/processes/node.ts",
  dns: "cli/src/processes/dns.ts",
  engine: "cli/src/processes/engine.ts",
  names: "cli/src/processes/names.ts",
  reader: "control-plane/store/src/reader-main.ts",
  passwords: "registry/src/access/password-main.ts",
};

/** Native modules: loaded from node_modules, never bundled. */
const NATIVE = ["lmdb", "koffi"];

const FACTS = ["api/facts", "node/contracts/facts", "node/engine/facts"];

/**
 * Writes dist/<hash of what goes in>: one ES module per entry with shared chunks, the facts, a link to the Node that made it.
 * dist/current points to it. Nothing is done when that bundle is there already.
 */
export async function bundle(root: string): Promise<string> {
  const hash = hashOf(root);
  const folder = join(root, "dist", hash);
  if (!existsSync(join(folder, "stamp"))) {
    const temporary = join(root, "dist", `.${hash}.${process.pid}`);
    rmSync(temporary, { recursive: true, force: true });
    mkdirSync(temporary, { recursive: true });
    await bundleInto(root, temporary);
    writeFileSync(join(temporary, "hash"), hash);
    writeFileSync(join(temporary, "package.json"), '{"type":"module"}\n');
    writeFileSync(join(temporary, "node"), `#!/bin/sh\nexec "${process.execPath}" "$@"\n`);
    chmodSync(join(temporary, "node"), 0o755);
    writeFileSync(join(temporary, "stamp"), "");
    rmSync(folder, { recursive: true, force: true });
    renameSync(temporary, folder);
  } else {
    writeFileSync(join(folder, "stamp"), ""); // newer than every source again
  }
  pointTo(root, hash);
  removeOthers(root, hash);
  return folder;
}

/** Turns the cache of compiled code on before the program is compiled: a start then compiles nothing. */
function launcherOf(name: string): string {
  return [
    'import { enableCompileCache } from "node:module";',
    'import { join } from "node:path";',
    'enableCompileCache(join(import.meta.dirname, ".compile-cache"));',
    `await import("./${name}.main.js");`,
    "",
  ].join("\n");
}

/**
 * Imports Node's own modules as CommonJS, and native ones, which import those. As ES modules, all their members are read at once: "node:http" then loads undici,
 * which takes 70 ms and is not used.
 */
const lazyBuiltins: Plugin = {
  name: "lazy builtins",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path, kind }) =>
      kind === "dynamic-import" ? { external: true } : { path, namespace: "builtin" },
    );
    onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
    onResolve({ filter: new RegExp(`^(?:${NATIVE.join("|")})$`) }, ({ path, kind }) =>
      kind === "import-statement" ? { path, namespace: "native" } : { external: true },
    );
    onLoad({ filter: /.*/, namespace: "native" }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)});`,
    }));
  },
};

async function bundleInto(root: string, folder: string): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(Object.entries(ENTRIES).map(([name, path]) => [`${name}.main`, join(root, path)])),
    outdir: folder,
    bundle: true,
    splitting: true,
    chunkNames: "chunks/[name]-[hash]",
    platform: "node",
    target: "node24",
    format: "esm",
    minifySyntax: true,
    minifyWhitespace: true,
    sourcemap: false,
    external: NATIVE,
    plugins: [lazyBuiltins],
    logLevel: "warning",
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
  });
  for (const name of Object.keys(ENTRIES)) writeFileSync(join(folder, `${name}.js`), launcherOf(name));
  for (const facts of FACTS) cpSync(join(root, facts), join(folder, "facts"), { recursive: true });
}

function hashOf(root: string): string {
  const hash = createHash("sha256");
  const inputs = globSync(
    ["foundation", "host", "api", "client", "control-plane/*", "node/*", "dns", "registry", "cli"].flatMap((room) => [
      `${room}/{src,generated,facts}/**/*`,
      `${room}/package.json`,
    ]),
    { cwd: root, withFileTypes: true },
  )
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".test.ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const path of [...inputs, join(root, "package-lock.json"), join(root, "tools/src/bundle.ts")]) {
    hash.update(`${path.slice(root.length)}\0`).update(readFileSync(path));
  }
  return hash.update(process.version).digest("hex").slice(0, 16);
}

function pointTo(root: string, hash: string): void {
  const temporary = join(root, "dist", `.current.${process.pid}`);
  rmSync(temporary, { force: true });
  symlinkSync(hash, temporary);
  renameSync(temporary, join(root, "dist/current"));
}

/** Keeps the bundles that running clusters may still execute: the newest three besides the current one. */
function removeOthers(root: string, current: string): void {
  const dist = join(root, "dist");
  const made = (name: string): number => statSync(join(dist, name)).mtimeMs;
  const old = readdirSync(dist).filter((name) => /^[0-9a-f]{16}$/.test(name) && name !== current);
  for (const name of old.sort((a, b) => made(b) - made(a)).slice(3))
    rmSync(join(dist, name), { recursive: true, force: true });
}

if (import.meta.main) {
  process.stderr.write("tsukube: bundling the sources (once per change)\n");
  await bundle(dirname(dirname(import.meta.dirname)));
}
