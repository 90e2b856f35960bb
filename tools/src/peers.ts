import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { run } from "@tsukube/host";

/**
 * `npm run peers`: builds upstream's programs for comparisons, where Go is on PATH: kube-apiserver, kube-controller-manager,
 * kube-scheduler, kubectl, e2e.test, etcd and etcdutl. Once, about half an hour; what is there is not built again. Nothing that ships or
 * that `npm test` runs needs them.
 */
export const KUBERNETES = "v1.37.2";
const STAGING = "v0.37.2";
const ETCD = "v3.7.0";
const ETCD_PROGRAMS = { etcd: "go.etcd.io/etcd/server/v3", etcdutl: "go.etcd.io/etcd/etcdutl/v3" };

/** Where the programs are: a folder of the user's cache, outside the repository. */
export function peersFolder(): string {
  return join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "tsukube", "peers", KUBERNETES);
}

const COMMANDS = ["kubectl", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];

async function go(folder: string, args: readonly string[]): Promise<string> {
  const env = { ...process.env, GOFLAGS: "-mod=mod" };
  return (await run("go", args, { cwd: folder, env })).stdout;
}

/** A module that takes Kubernetes as a library: its own go.mod names siblings by path, which only its repository has. */
async function kubernetesModule(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "go.mod"), "module peers\n");
  const answer = await go(folder, ["mod", "download", "-json", `k8s.io/kubernetes@${KUBERNETES}`]);
  const upstream = readFileSync((JSON.parse(answer) as { readonly GoMod: string }).GoMod, "utf8");
  const siblings = [...upstream.matchAll(/^\s+(k8s\.io\/\S+) v0\.0\.0$/gm)].map(([, name]) => `  ${name} ${STAGING}`);
  const version = /^go .*$/m.exec(upstream)?.[0] ?? "go 1.26";
  const lines = ["module peers", version, "require (", `  k8s.io/kubernetes ${KUBERNETES}`, ...siblings, ")", ""];
  writeFileSync(join(folder, "go.mod"), lines.join("\n"));
  const imports = [...COMMANDS.map((name) => `cmd/${name}`), "test/e2e"].map(
    (path) => `k8s.io/kubernetes/${path}@${KUBERNETES}`,
  );
  await go(folder, ["get", ...imports]);
}

async function build(name: string, work: () => Promise<unknown>): Promise<void> {
  if (existsSync(join(peersFolder(), name))) {
    process.stdout.write(`  - ${name} is there\n`);
    return;
  }
  const began = performance.now();
  process.stdout.write(`  … ${name}\n`);
  await work();
  process.stdout.write(`  ✓ ${name} (${Math.round((performance.now() - began) / 1000)} s)\n`);
}

async function main(): Promise<void> {
  const { code } = await run("go", ["version"], { accept: [0, 1, 127] }).catch(() => ({ code: 127 }));
  if (code !== 0) {
    process.stderr.write("peers: cannot build upstream's programs: no Go on PATH, expected Go 1.26 or newer\n");
    process.exitCode = 2;
    return;
  }
  const programs = peersFolder();
  const sources = join(programs, "src");
  mkdirSync(programs, { recursive: true });
  process.stdout.write(`Kubernetes ${KUBERNETES} and etcd ${ETCD} into ${programs}\n`);
  await build("go.mod of Kubernetes", () => kubernetesModule(sources));
  const [, major = "", minor = ""] = /^v(\d+)\.(\d+)/.exec(KUBERNETES) ?? [];
  const version = { gitVersion: KUBERNETES, gitMajor: major, gitMinor: minor };
  const stamps = Object.entries(version).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
  const flags = ["-ldflags", `-s -w ${stamps.join(" ")}`];
  for (const name of COMMANDS)
    await build(name, () => go(sources, ["build", ...flags, "-o", programs, `k8s.io/kubernetes/cmd/${name}`]));
  await build("e2e.test", () =>
    go(sources, ["test", "-c", "-vet=off", ...flags, "-o", join(programs, "e2e.test"), "k8s.io/kubernetes/test/e2e"]),
  );
  for (const [name, module] of Object.entries(ETCD_PROGRAMS))
    await build(name, async () => {
      const folder = join(programs, `${name}-src`);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "go.mod"), `module peers-${name}\n`);
      await go(folder, ["get", `${module}@${ETCD}`]);
      await go(folder, ["build", "-o", join(programs, name), module]);
    });
  process.stdout.write("Next: npm run conformance, npm run differential\n");
}

if (import.meta.main) await main();
