import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Random } from "@tsukube/foundation";
import { expiryOf, readIfPresent, writeAtomically } from "@tsukube/host";
import type { CertificateRequest, KeyPair } from "@tsukube/host/certificates";
import type { Addresses } from "./addresses.ts";

const MONTH = 30 * 24 * 60 * 60 * 1000;

/** Subjects are upstream's (kubeadm's) where upstream has the component, else the component's ServiceAccount. */
const CLIENTS = {
  admin: { commonName: "kubernetes-admin", organizations: ["system:masters"] },
  "kube-proxy": { commonName: "system:kube-proxy", organizations: ["system:node-proxier"] },
  provisioner: {
    commonName: "system:serviceaccount:kube-system:tsukube-provisioner",
    organizations: ["system:serviceaccounts", "system:serviceaccounts:kube-system"],
  },
  "apiserver-kubelet-client": {
    commonName: "kube-apiserver-kubelet-client",
    organizations: ["system:kubelet-api-admin"],
  },
} as const;

type ClientName = keyof typeof CLIENTS | "kubelet" | "front-proxy-client";

/** Every key and certificate of a cluster, read from its pki directory. */
export interface Credentials {
  readonly ca: KeyPair;
  readonly frontProxyCa: KeyPair;
  readonly serviceAccountKey: string;
  readonly apiserver: KeyPair;
  readonly kubeletServing: KeyPair;
  /** Of the scheduler's and the controllers' ports. */
  readonly componentServing: KeyPair;
  readonly clients: Readonly<Record<ClientName, KeyPair>>;
}

export interface CredentialOptions {
  readonly folder: string;
  readonly addresses: Addresses;
  readonly nodeName: string;
  readonly nodeAddresses: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
}

/** What makes keys and certificates takes longer to load than everything else here, and a cluster has them after its first start. */
const makers = () => import("@tsukube/host/certificates");

/** Makes what is missing or ends within a month, keeps the rest. Keys are 0600. */
export async function ensureCredentials(options: CredentialOptions): Promise<Credentials> {
  const { folder, addresses, nodeName, clock, random } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const authority = (name: string, commonName: string): Promise<KeyPair> =>
    ensurePair(folder, name, clock, async () => (await makers()).createAuthorityKeys(commonName, clock, random));
  const ca = await authority("ca", "kubernetes");
  const frontProxyCa = await authority("front-proxy-ca", "front-proxy-ca");
  const issue = (name: string, request: CertificateRequest, from = ca): Promise<KeyPair> =>
    ensurePair(folder, name, clock, async () => {
      const { openAuthority } = await makers();
      return (await openAuthority(from, clock, random)).issue(request);
    });
  const client = (name: keyof typeof CLIENTS): Promise<KeyPair> =>
    issue(name, { ...CLIENTS[name], usages: ["client"] });
  const local = ["localhost", "127.0.0.1", ...addresses.gateways];
  return {
    ca,
    frontProxyCa,
    serviceAccountKey: await ensureFile(join(folder, "sa.key"), async () => (await makers()).createSigningKey()),
    apiserver: await issue("apiserver", {
      commonName: "kube-apiserver",
      sans: [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        nodeName,
        addresses.kubernetesIp,
        ...new Set([...local, addresses.loopback]),
      ],
      usages: ["server"],
    }),
    kubeletServing: await issue("kubelet-serving", {
      commonName: `system:node:${nodeName}`,
      organizations: ["system:nodes"],
      sans: [nodeName, ...local, ...options.nodeAddresses.filter((address) => !local.includes(address))],
      usages: ["server"],
    }),
    componentServing: await issue("component-serving", {
      commonName: "tsukube-control-plane",
      sans: [...new Set([...local, addresses.loopback])],
      usages: ["server"],
    }),
    clients: {
      admin: await client("admin"),
      "kube-proxy": await client("kube-proxy"),
      provisioner: await client("provisioner"),
      "apiserver-kubelet-client": await client("apiserver-kubelet-client"),
      kubelet: await issue("kubelet", {
        commonName: `system:node:${nodeName}`,
        organizations: ["system:nodes"],
        usages: ["client"],
      }),
      "front-proxy-client": await issue(
        "front-proxy-client",
        { commonName: "front-proxy-client", usages: ["client"] },
        frontProxyCa,
      ),
    },
  };
}

/** NAME.crt and NAME.key in `folder`, made when absent or near their end. */
async function ensurePair(folder: string, name: string, clock: Clock, make: () => Promise<KeyPair>): Promise<KeyPair> {
  const paths = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
  const cert = (await readIfPresent(paths.cert))?.toString();
  const key = (await readIfPresent(paths.key))?.toString();
  if (cert !== undefined && key !== undefined && expiryOf(cert) > clock.now() + MONTH) return { cert, key };
  const pair = await make();
  await writeAtomically(paths.key, pair.key, { mode: 0o600 });
  await writeAtomically(paths.cert, pair.cert);
  return pair;
}

async function ensureFile(path: string, make: () => Promise<string>): Promise<string> {
  const present = await readIfPresent(path);
  if (present !== undefined) return present.toString();
  await writeAtomically(path, await make(), { mode: 0o600 });
  return readFile(path, "utf8");
}
