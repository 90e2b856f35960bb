import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createClient, createHttpTransport } from "@tsukube/client";
import { Lifetime, messageOf } from "@tsukube/foundation";
import { realClock, run, systemRandom } from "@tsukube/host";
import { createAuthorityKeys, openAuthority } from "@tsukube/host/certificates";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clientBinary } from "./clients.ts";
import { eventually, fetchText } from "./eventually.ts";
import { codeOf } from "./https-code.ts";

const TSUKUBE = join(dirname(dirname(import.meta.dirname)), "tsukube");
const lifetime = new Lifetime();
let folder: string;
let assets: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tsukube-envtest-"));
  lifetime.add("folder", () => rmSync(folder, { recursive: true, force: true }));
  assets = join(folder, "assets");
  const env = { ...process.env, PATH: `${assets}:${dirname(clientBinary("kubectl"))}:${process.env["PATH"]}` };
  // written twice: what was written is not taken for the kubectl on PATH
  for (let round = 0; round < 2; round += 1) {
    const { stdout } = await run(TSUKUBE, ["envtest", "assets", assets], { env });
    expect(stdout).toBe(`${assets}\n`);
  }
}, 60_000);
afterAll(() => lifetime.close());

/** A port that was free a moment ago, as envtest chooses one. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  server.close();
  return port;
}

function start(name: string, flags: Readonly<Record<string, string>>): ChildProcess {
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  const child = spawn(join(assets, name), args, { stdio: ["ignore", "ignore", "inherit"] });
  lifetime.add(name, () => void child.kill("SIGKILL"));
  return child;
}

/** As envtest ends a process. @returns its exit code. */
async function stop(child: ChildProcess): Promise<unknown> {
  child.kill("SIGTERM");
  return child.exitCode ?? (await once(child, "exit"))[0];
}

/** The flags that envtest gives etcd and kube-apiserver. */
async function environment() {
  const [etcdPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];
  const [data, certs] = [mkdtempSync(join(folder, "data-")), mkdtempSync(join(folder, "certs-"))];
  const etcd = `http://127.0.0.1:${etcdPort}`;
  const authorities = await createAuthorityKeys("envtest-environment", realClock, systemRandom);
  const authority = await openAuthority(authorities, realClock, systemRandom);
  const serving = await authority.issue({
    commonName: "localhost",
    sans: ["localhost", "127.0.0.1"],
    usages: ["server"],
  });
  const signer = await createAuthorityKeys("envtest-environment", realClock, systemRandom);
  for (const [name, text] of [
    ["apiserver.crt", serving.cert],
    ["apiserver.key", serving.key],
    ["sa-signer.crt", signer.cert],
    ["sa-signer.key", signer.key],
    ["client-cert-auth-ca.crt", authorities.cert],
  ] as const)
    writeFileSync(join(certs, name), text);
  const admin = await authority.issue({ commonName: "admin", organizations: ["system:masters"], usages: ["client"] });
  const server = `https://127.0.0.1:${port}`;
  return {
    etcdFlags: {
      "advertise-client-urls": etcd,
      "data-dir": data,
      "listen-client-urls": etcd,
      "listen-peer-urls": `http://127.0.0.1:${peerPort}`,
      "unsafe-no-fsync": "true",
    },
    serverFlags: {
      "allow-privileged": "true",
      "authorization-mode": "RBAC",
      "bind-address": "127.0.0.1",
      "cert-dir": certs,
      "client-ca-file": join(certs, "client-cert-auth-ca.crt"),
      "disable-admission-plugins": "ServiceAccount",
      "etcd-servers": etcd,
      "secure-port": String(port),
      "service-account-issuer": `${server}/`,
      "service-account-key-file": join(certs, "sa-signer.crt"),
      "service-account-signing-key-file": join(certs, "sa-signer.key"),
      "service-cluster-ip-range": "10.0.0.0/24",
    },
    isWell: () =>
      eventually("etcd is well", async () => JSON.parse(await fetchText(`${etcd}/health`)).health === "true"),
    /** @param code Of health for who has no credentials. */
    serves: (code = 200) => eventually("it serves", async () => (await codeOf(`${server}/healthz`)) === code),
    client: () =>
      createClient(createHttpTransport({ server, ca: authorities.cert, clientCertificate: admin }, realClock), {
        clock: realClock,
        userAgent: "envtest",
      }),
    certs,
    server,
  };
}

describe("what envtest starts", () => {
  test("keeps objects from one start to the next, for one server, with certificates that it makes where it has none, and ends when it is told to", async () => {
    const { etcdFlags, serverFlags, isWell, serves, client, certs } = await environment();
    const before = readdirSync(certs);
    const etcd = start("etcd", etcdFlags);
    await isWell();
    const first = start("kube-apiserver", serverFlags);
    await serves();
    const admin = lifetime.own("client", client());
    const pods = admin.resource({ group: "", version: "v1", resource: "pods" }, "default");
    const made = await pods.create({
      metadata: { name: "p" },
      spec: { containers: [{ name: "a", image: "a" }] },
    } as never);
    expect(made).not.toHaveProperty("spec.serviceAccountName");
    expect(await stop(first)).toBe(0);
    const next = start("kube-apiserver", serverFlags);
    await serves();
    expect((await pods.get("p")).metadata?.uid).toBe(made.metadata?.uid);
    const ownCerts = join(folder, "made");
    const other = start("kube-apiserver", {
      ...serverFlags,
      "cert-dir": ownCerts,
      "secure-port": String(await freePort()),
    });
    expect((await once(other, "exit"))[0]).toBe(64);
    expect(readdirSync(ownCerts).sort()).toEqual(["apiserver.crt", "apiserver.key"]);
    expect(await stop(next)).toBe(0);
    expect(await stop(etcd)).toBe(0);
    expect(readdirSync(certs)).toEqual(before);
  }, 60_000);

  test("lets in by default whoever has credentials, and nobody else", async () => {
    const { etcdFlags, serverFlags, isWell, serves, client, server } = await environment();
    start("etcd", etcdFlags);
    await isWell();
    const { "authorization-mode": _rbac, ...flags } = serverFlags;
    start("kube-apiserver", flags);
    await serves(401);
    expect(await codeOf(`${server}/api/v1/namespaces`)).toBe(401);
    const namespaces = lifetime.own("client by default", client()).resource({
      ...{ group: "", version: "v1", resource: "namespaces" },
    });
    expect((await namespaces.get("default")).metadata?.name).toBe("default");
  }, 60_000);

  test("audits, encrypts, configures plugins and signs tokens as its files say, with the flags that installers give", async () => {
    const { etcdFlags, serverFlags, isWell, serves, client, certs, server } = await environment();
    const written = (name: string, content: object | string): string => {
      const path = join(certs, name);
      writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
      return path;
    };
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const key = written("rsa.key", privateKey.export({ type: "pkcs1", format: "pem" }).toString());
    const secret = randomBytes(32).toString("base64");
    const providers = [{ secretbox: { keys: [{ name: "first", secret }] } }, { identity: {} }];
    const config = "apiserver.config.k8s.io/v1";
    const security = {
      ...{ apiVersion: "pod-security.admission.config.k8s.io/v1", kind: "PodSecurityConfiguration" },
      defaults: { enforce: "baseline" },
    };
    const log = join(certs, "audit.log");
    start("etcd", etcdFlags);
    await isWell();
    start("kube-apiserver", {
      ...serverFlags,
      "admission-control-config-file": written("admission.json", {
        ...{ apiVersion: config, kind: "AdmissionConfiguration" },
        plugins: [{ name: "PodSecurity", configuration: security }],
      }),
      "api-audiences": `${server}/,vault`,
      "audit-log-maxsize": "1",
      "audit-log-path": log,
      "audit-policy-file": written("policy.json", {
        ...{ apiVersion: "audit.k8s.io/v1", kind: "Policy" },
        rules: [{ level: "Metadata", resources: [{ resources: ["secrets"] }] }],
      }),
      "encryption-provider-config": written("encryption.json", {
        ...{ apiVersion: config, kind: "EncryptionConfiguration" },
        resources: [{ resources: ["secrets"], providers }],
      }),
      "enable-admission-plugins": "NodeRestriction",
      "enable-bootstrap-token-auth": "true",
      "kubelet-client-certificate": join(certs, "apiserver.crt"),
      "kubelet-client-key": join(certs, "apiserver.key"),
      "kubelet-preferred-address-types": "InternalIP,ExternalIP,Hostname",
      profiling: "false",
      "proxy-client-cert-file": join(certs, "apiserver.crt"),
      "proxy-client-key-file": join(certs, "apiserver.key"),
      "requestheader-allowed-names": "front-proxy-client",
      "requestheader-client-ca-file": join(certs, "sa-signer.crt"),
      "requestheader-extra-headers-prefix": "X-Remote-Extra-",
      "requestheader-group-headers": "X-Remote-Group",
      "requestheader-username-headers": "X-Remote-User",
      "service-account-key-file": key,
      "service-account-signing-key-file": key,
      "storage-backend": "etcd3",
      "tls-cipher-suites": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
      "tls-min-version": "VersionTLS12",
      "token-auth-file": written("tokens.csv", 'open-sesame,ali,1,"system:masters"'),
    });
    await serves();
    const admin = lifetime.own("client with files", client());
    const post = (path: string, body: object) => admin.raw("POST", `/api/v1/namespaces/default/${path}`, body);
    await post("secrets", { metadata: { name: "s" }, stringData: { word: "correct-horse" } });
    expect(readFileSync(join(etcdFlags["data-dir"], "data.mdb")).includes("k8s:enc:secretbox:v1:first:")).toBe(true);
    await eventually("it is written down", async () => readFileSync(log, "utf8").includes('"resource":"secrets"'));
    const pod = { metadata: { name: "p" }, spec: { hostPID: true, containers: [{ name: "a", image: "a" }] } };
    const ali = { authorization: "Bearer open-sesame" };
    expect(await codeOf(`${server}/api/v1/namespaces/default`, ali)).toBe(200);
    const told = await admin.raw("GET", "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication");
    expect(told).toMatchObject({ data: { "requestheader-username-headers": '["X-Remote-User"]' } });
    expect(await post("pods", pod).catch(messageOf)).toContain('violates PodSecurity "baseline:latest"');
    await post("serviceaccounts", { metadata: { name: "robot" } });
    const request = { spec: { audiences: ["vault"] } };
    const { status } = (await post("serviceaccounts/robot/token", request)) as { status: { token: string } };
    const [header = ""] = status.token.split(".");
    expect(JSON.parse(Buffer.from(header, "base64url").toString())).toMatchObject({ alg: "RS256" });
    const review = { spec: { token: status.token } };
    expect(await admin.raw("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)).toMatchObject({
      status: { user: { username: "system:serviceaccount:default:robot" }, audiences: ["vault"] },
    });
  }, 60_000);

  test("tells which flags it has, as envtest asks, and refuses others", async () => {
    const help = async (name: string) => (await run(join(assets, name), ["--help"])).stdout;
    expect(await help("etcd")).toMatch(/^\s*--unsafe-no-fsync\b/m);
    expect(await help("kube-apiserver")).toMatch(/^\s*--secure-port\b/m);
    expect(await help("kube-apiserver")).not.toMatch(/^\s*--insecure-port\b/m);
    expect((await run(join(assets, "kubectl"), ["version", "--client"])).stdout).toContain("Client Version");
    const said = (flags: readonly string[]) => run(join(assets, "kube-apiserver"), flags).catch(messageOf);
    expect(await said(["--tracing-config-file=x"])).toContain(
      "--tracing-config-file is not offered yet, expected it left out",
    );
    for (const flag of ["secure-port", "max-requests-inflight", "max-mutating-requests-inflight"])
      expect(await said([`--${flag}=some`])).toContain(`--${flag} is "some", expected a whole number`);
  }, 60_000);
});
