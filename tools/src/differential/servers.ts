import { type ChildProcess, spawn } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { FeatureGates } from "@tsukube/api";
import { startApiServer } from "@tsukube/apiserver";
import { MEMORY_FLAGS } from "@tsukube/cli/memory-flags";
import { createHttpTransport, type HttpTransportOptions, type Transport } from "@tsukube/client";
import { transportOfKubeconfig } from "@tsukube/e2e/kubeconfig-transport";
import { Lifetime } from "@tsukube/foundation";
import { realClock } from "@tsukube/host";
import { createSigningKey } from "@tsukube/host/certificates";
import { MemoryStore } from "@tsukube/store";
import { EtcdServer, freePorts, WITH_PARENT } from "@tsukube/store/etcd-server";
import { atExit } from "../at-exit.ts";
import { peersFolder } from "../peers.ts";
import { authorityFor, SERVICE_CIDR } from "./authority.ts";
import { ownOptions } from "./own-options.ts";

/** A server to compare: alone, so that nothing but requests changes what it holds. */
export interface Server {
  readonly name: string;
  /** As system:masters. */
  readonly transport: Transport;
  /** Of its programs, where it runs in ones of its own. */
  readonly pids: readonly number[];
  /** Another connection as system:masters, which whoever asks for it closes. */
  connect(): Transport;
  close(): Promise<void>;
}

/** Everything that is off by default, but for CBOR, which is not spoken here. */
const WHOLE = { runtimeConfig: "api/all=true", featureGates: "AllAlpha=true,AllBeta=true,CBORServingAndStorage=false" };

/** Of the controllers within kube-apiserver, which would speak it to their own server. */
const OWN_CLIENTS = "ClientsAllowCBOR=false,ClientsPreferCBOR=false";

/** Our API server in this process, over TLS, without controllers. @param isWhole Serves what is off by default, too. */
export async function startOwnServer(isWhole = false): Promise<Server> {
  const lifetime = new Lifetime();
  const authority = await authorityFor(["127.0.0.1"]);
  const store = new MemoryStore({ clock: realClock });
  const { runtimeConfig, featureGates } = WHOLE;
  const server = await startApiServer({
    ...(await ownOptions(authority, async () => store)),
    ...(isWhole && { runtimeConfig, featureGates: FeatureGates.parse(featureGates) }),
  });
  lifetime.own("server", server);
  const port = await server.listen("127.0.0.1", 0);
  const connect = (): Transport =>
    createHttpTransport(
      { server: `https://127.0.0.1:${port}`, ca: authority.ca.cert, clientCertificate: authority.admin },
      realClock,
    );
  const transport = lifetime.own("transport", connect());
  return { name: "tsukube", transport, pids: [], connect, close: () => lifetime.close() };
}

/** Our API server alone in a process of its own, with its store on disk in a folder that goes with it, and how it is reached. */
export async function startOwnProcess(
  nodeFlags: readonly string[] = MEMORY_FLAGS.server,
): Promise<Server & { readonly reachedBy: HttpTransportOptions }> {
  const lifetime = new Lifetime();
  const folder = mkdtempSync(join(tmpdir(), "tsukube-differential-"));
  lifetime.add("folder", () => rmSync(folder, { recursive: true, force: true }));
  const script = join(import.meta.dirname, "own-server.ts");
  const child = spawn(process.execPath, [...nodeFlags, script, folder], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = endOf(child);
  lifetime.add("server", async () => {
    child.kill("SIGTERM");
    await ended;
  });
  try {
    await Promise.race([new Promise((resolve) => child.stdout.once("data", resolve)), ended]);
    const reachedBy = JSON.parse(readFileSync(join(folder, "client.json"), "utf8")) as HttpTransportOptions;
    const connect = (): Transport => createHttpTransport(reachedBy, realClock);
    const transport = lifetime.own("transport", connect());
    const pids = [child.pid ?? 0];
    return { name: "tsukube", transport, pids, connect, reachedBy, close: () => lifetime.close() };
  } catch (error) {
    await lifetime.close();
    throw error;
  }
}

/** @returns what resolves when a program has ended, which it does at the latest when we do. */
function endOf(child: ChildProcess): Promise<void> {
  const forget = atExit(() => child.kill("SIGKILL"));
  return new Promise<void>((resolve) =>
    child.once("close", () => {
      forget();
      resolve();
    }),
  );
}

/**
 * Upstream's kube-apiserver with an etcd, both built by `npm run peers`, in a folder that goes with them.
 * @param isDurable False: nothing is waited for to reach the disk. @param isWhole Serves what is off by default, too.
 */
export async function startUpstream({ isDurable = false, isWhole = false } = {}): Promise<Server> {
  const lifetime = new Lifetime();
  try {
    const args = isDurable ? [] : ["--unsafe-no-fsync"];
    const etcd = await EtcdServer.start({ program: join(peersFolder(), "etcd"), args });
    const forget = atExit(() => etcd.signal("SIGKILL"));
    lifetime.add("etcd", () => etcd.remove().finally(forget));
    const { transport, pid, connect } = await startKubeApiServer(
      lifetime,
      etcd.clientUrl,
      isWhole
        ? [`--runtime-config=${WHOLE.runtimeConfig}`, `--feature-gates=${WHOLE.featureGates},${OWN_CLIENTS}`]
        : [],
    );
    return { name: "upstream", transport, pids: [etcd.pid, pid], connect, close: () => lifetime.close() };
  } catch (error) {
    await lifetime.close();
    throw error;
  }
}

export interface KubeApiServer {
  /** As system:masters. */
  readonly transport: Transport;
  readonly pid: number;
  /** Another connection as system:masters, which whoever asks for it closes. */
  connect(): Transport;
  /** What kubectl needs to reach it as system:masters. */
  readonly kubectlFlags: readonly string[];
}

/** Upstream's kube-apiserver on an etcd that is there, ready. @param args More of its flags. */
export async function startKubeApiServer(
  lifetime: Lifetime,
  etcd: string,
  args: readonly string[] = [],
): Promise<KubeApiServer> {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-upstream-"));
  lifetime.add("folder", () => rmSync(folder, { recursive: true, force: true }));
  const [port = 0] = await freePorts(1);
  const { ca, serving, admin } = await authorityFor(["127.0.0.1", "192.0.2.10"]);
  for (const [name, { cert, key }] of Object.entries({ ca, serving, admin })) {
    writeFileSync(join(folder, `${name}.crt`), cert);
    writeFileSync(join(folder, `${name}.key`), key, { mode: 0o600 });
  }
  const signingKey = await createSigningKey();
  writeFileSync(join(folder, "sa.key"), signingKey, { mode: 0o600 });
  writeFileSync(join(folder, "sa.pub"), createPublicKey(signingKey).export({ type: "spki", format: "pem" }));
  const pid = launch(lifetime, folder, [
    `--etcd-servers=${etcd}`,
    `--secure-port=${port}`,
    "--bind-address=127.0.0.1",
    "--advertise-address=192.0.2.10",
    `--client-ca-file=${join(folder, "ca.crt")}`,
    `--tls-cert-file=${join(folder, "serving.crt")}`,
    `--tls-private-key-file=${join(folder, "serving.key")}`,
    `--service-account-key-file=${join(folder, "sa.pub")}`,
    `--service-account-signing-key-file=${join(folder, "sa.key")}`,
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-cluster-ip-range=${SERVICE_CIDR}`,
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    "--enable-bootstrap-token-auth",
    "--allow-privileged",
    "--anonymous-auth=true",
    ...args,
  ]);
  const server = `https://127.0.0.1:${port}`;
  const connect = (): Transport => createHttpTransport({ server, ca: ca.cert, clientCertificate: admin }, realClock);
  const transport = lifetime.own("transport", connect());
  await ready(transport, folder);
  const [authority, cert, key] = ["ca.crt", "admin.crt", "admin.key"].map((name) => join(folder, name));
  const shown = [`--certificate-authority=${authority}`, `--client-certificate=${cert}`, `--client-key=${key}`];
  return { transport, pid, connect, kubectlFlags: [`--server=${server}`, ...shown] };
}

/** @returns its pid. */
function launch(lifetime: Lifetime, folder: string, args: readonly string[]): number {
  const log = openSync(join(folder, "kube-apiserver.log"), "a");
  const command = [...WITH_PARENT, join(peersFolder(), "kube-apiserver"), ...args];
  const child = spawn("setpriv", command, { stdio: ["ignore", log, log] });
  closeSync(log);
  const ended = endOf(child);
  lifetime.add("kube-apiserver", async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return child.pid ?? 0;
}

const READY_WITHIN_S = 60;

async function ready(transport: Transport, folder: string): Promise<void> {
  for (let attempt = 0; attempt < READY_WITHIN_S * 5; attempt += 1) {
    const code = await transport.request({ method: "GET", path: "/readyz", headers: {} }).then(
      ({ status }) => status,
      () => 0,
    );
    if (code === 200) return;
    await delay(200);
  }
  const log = readFileSync(join(folder, "kube-apiserver.log"), "utf8").split("\n").slice(-5).join("\n");
  throw new Error(`Cannot start kube-apiserver: not ready within ${READY_WITHIN_S} s: ${log}`);
}

/** A cluster that runs already. */
export function serverOfKubeconfig(name: string, path: string): Server {
  const connect = (): Transport => transportOfKubeconfig(path);
  const transport = connect();
  return { name, transport, pids: [], connect, close: () => transport.close() };
}
