import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { kubeconfigText } from "@tsukube/client";
import type { Lifetime } from "@tsukube/foundation";
import { realClock, systemRandom } from "@tsukube/host";
import { openAuthority } from "@tsukube/host/certificates";
import { freePorts } from "@tsukube/store/etcd-server";
import { peersFolder } from "../peers.ts";

const PROGRAMS = ["kube-controller-manager", "kube-scheduler"] as const;
type Program = (typeof PROGRAMS)[number];

/** Upstream's controllers and scheduler, which run. */
export interface UpstreamControllers {
  /** Where their HTTPS ports are. */
  readonly env: NodeJS.ProcessEnv;
  /** What they logged as an error or as a panic so far. */
  errors(): readonly string[];
}

/** @returns those programs that `npm run peers` has not built yet. */
export function missingUpstream(): readonly string[] {
  return PROGRAMS.filter((name) => !existsSync(join(peersFolder(), name)));
}

/**
 * Starts kube-controller-manager and kube-scheduler, each as its own user with upstream's rights, against a cluster that leaves the
 * work to others. They elect themselves, and authenticate and authorize those who ask them through the cluster.
 * @param kubeconfig In the cluster's state directory, beside its keys.
 */
export async function startUpstreamControllers(
  lifetime: Lifetime,
  kubeconfig: string,
  logs: string,
): Promise<UpstreamControllers> {
  const pki = join(dirname(kubeconfig), "pki");
  const server = /server: "?([^"\n]+)/.exec(readFileSync(kubeconfig, "utf8"))?.[1] ?? "";
  const ports = await freePorts(PROGRAMS.length);
  const env: NodeJS.ProcessEnv = {};
  for (const [index, name] of PROGRAMS.entries()) {
    const own = join(logs, `${name}.kubeconfig`);
    writeFileSync(own, await kubeconfigOf(name, server, pki), { mode: 0o600 });
    const flags = [...commonFlags(own, ports[index]!), ...OWN_FLAGS[name](pki)];
    launch(lifetime, name, flags, join(logs, `${name}.log`));
    env[name.toUpperCase().replaceAll("-", "_")] = `https://127.0.0.1:${ports[index]}`;
  }
  return { env, errors: () => PROGRAMS.flatMap((name) => errorsIn(name, join(logs, `${name}.log`))) };
}

async function kubeconfigOf(name: Program, server: string, pki: string): Promise<string> {
  const read = (file: string): string => readFileSync(join(pki, file), "utf8");
  const ca = { cert: read("ca.crt"), key: read("ca.key") };
  const authority = await openAuthority(ca, realClock, systemRandom);
  const user = await authority.issue({ commonName: `system:${name}`, usages: ["client"] });
  return kubeconfigText({ name, server, ca: ca.cert, ...user });
}

function commonFlags(kubeconfig: string, port: number): readonly string[] {
  const everywhere = ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"];
  return [
    ...everywhere.map((flag) => `--${flag}=${kubeconfig}`),
    ...["--bind-address=127.0.0.1", `--secure-port=${port}`, "--leader-elect=true", "--v=2"],
  ];
}

/** As kubeadm sets them. */
const OWN_FLAGS: Readonly<Record<Program, (pki: string) => readonly string[]>> = {
  "kube-scheduler": () => [],
  "kube-controller-manager": (pki) => [
    `--cluster-signing-cert-file=${join(pki, "ca.crt")}`,
    `--cluster-signing-key-file=${join(pki, "ca.key")}`,
    `--root-ca-file=${join(pki, "ca.crt")}`,
    `--service-account-private-key-file=${join(pki, "sa.key")}`,
    "--use-service-account-credentials=true",
    "--controllers=*,bootstrapsigner,tokencleaner",
    "--allocate-node-cidrs=true",
    "--cluster-cidr=10.250.0.0/16",
    "--node-monitor-grace-period=20s",
    "--pvclaimbinder-sync-period=1s",
  ],
};

function launch(lifetime: Lifetime, name: Program, flags: readonly string[], log: string): void {
  const output = openSync(log, "w");
  const child = spawn(join(peersFolder(), name), [...flags], { stdio: ["ignore", output, output] });
  closeSync(output);
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  lifetime.add(name, async () => {
    child.kill("SIGTERM");
    await ended;
  });
}

/** Lines of klog that begin with E or F, or tell of a panic. */
function errorsIn(name: Program, log: string): readonly string[] {
  const lines = readFileSync(log, "utf8").split("\n");
  const wrong = lines.filter((line) => /^[EF]\d{4} |^panic:/.test(line) && !EXPECTED.some((known) => known.test(line)));
  return wrong.map((line) => `${name}: ${line}`);
}

/** What they log as an error beside kube-apiserver, too: their own affairs, and races between what they read and what they write. */
const EXPECTED: readonly RegExp[] = [
  /The manifest file is empty, ignoring/,
  /broadcaster already stopped/,
  /read version: \d+ is not as new as written version: \d+/,
  /the object has been modified; please apply your changes to the latest version and try again/,
  /(sync \\"\S+\\" failed with |err="|")\S+ \\"\S+\\" not found"/,
];
