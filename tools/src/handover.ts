import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import defaults from "@tsukube/api/facts/defaults.json" with { type: "json" };
import { Lifetime, messageOf } from "@tsukube/foundation";
import { realClock, run } from "@tsukube/host";
import { EtcdServer } from "@tsukube/store/etcd-server";
import { startKubeApiServer } from "./differential/servers.ts";
import { KUBERNETES, peersFolder } from "./peers.ts";

/**
 * `./tools/node tools/src/handover.ts [ETCD]`: kube-apiserver and Tsukube on one etcd, at the same time. Objects of every kind that upstream
 * accepted once are written through the one and read through both, then through the other; all answers must be the same, and each must
 * be able to change what the other wrote. Needs `npm run peers`.
 */
const NAME = "handover";
const ROOT = dirname(dirname(import.meta.dirname));

interface Api {
  readonly name: string;
  kubectl(args: readonly string[], input?: string): Promise<{ readonly code: number; readonly out: string }>;
}

interface Item {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

function api(name: string, flags: readonly string[]): Api {
  return {
    name,
    async kubectl(args, input = "") {
      const accept = [0, 1];
      const result = await run(join(peersFolder(), "kubectl"), [...flags, ...args], { input, accept });
      return { code: result.code, out: result.code === 0 ? result.stdout : result.stderr };
    },
  };
}

/** Both encrypt alike: each must read what the other encrypted, by each provider. */
function encryption(lifetime: Lifetime): string {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-handover-"));
  lifetime.add("keys", () => rmSync(folder, { recursive: true }));
  const keys = (byte: number) => ({ keys: [{ name: "key1", secret: Buffer.alloc(32, byte).toString("base64") }] });
  const rule = (resource: string, provider: object) => ({
    resources: [resource],
    providers: [provider, { identity: {} }],
  });
  const resources = [
    rule("secrets", { aescbc: keys(1) }),
    rule("configmaps", { aesgcm: keys(2) }),
    rule("*.apps", { secretbox: keys(3) }),
    rule("widgets.handover.example.com", { secretbox: keys(4) }),
  ];
  const configuration = { kind: "EncryptionConfiguration", apiVersion: "apiserver.config.k8s.io/v1", resources };
  writeFileSync(join(folder, "encryption.json"), JSON.stringify(configuration), { mode: 0o600 });
  return join(folder, "encryption.json");
}

async function upstream(lifetime: Lifetime, etcd: string, keys: string): Promise<Api> {
  const args = [`--encryption-provider-config=${keys}`, "--disable-admission-plugins=ServiceAccount"];
  const { kubectlFlags } = await startKubeApiServer(lifetime, etcd, args);
  return api("kube-apiserver", kubectlFlags);
}

async function tsukube(lifetime: Lifetime, etcd: string, keys: string): Promise<Api> {
  const command = join(ROOT, "tsukube");
  lifetime.add("cluster", async () => void (await run(command, ["down", "--purge", "--name", NAME])));
  await run(command, ["up", "--no-node", "--name", NAME, "--etcd", etcd, "--encryption-provider-config", keys]);
  const status = await run(command, ["status", "-o", "json", "--name", NAME]);
  return api("tsukube", ["--kubeconfig", (JSON.parse(status.stdout) as { kubeconfig: string }).kubeconfig]);
}

async function until(check: () => Promise<boolean>, log: string): Promise<void> {
  for (let tries = 0; tries < 120; tries += 1) {
    if (await check()) return;
    await realClock.sleep(500);
  }
  throw new Error(`Cannot reach the server: not ready after a minute; its log is ${log}`);
}

const problems: string[] = [];

interface Recorded {
  readonly in: Item;
  readonly out: Item;
  readonly code: number;
}

/** Every recorded object that asks for nothing but itself, each with a name of its own, in this namespace. */
function requests(namespace: string): readonly string[] {
  const recorded = (defaults as unknown as { objects: Record<string, Recorded> }).objects;
  return Object.entries(recorded).flatMap(([where, { in: given, out, code }], index) => {
    if (code !== 201 || NOT_CREATED.test(where)) return [];
    const named = /^[a-z0-9]+$/.test(given.metadata?.name ?? "") ? `${namespace}-${index}` : given.metadata?.name;
    const isNamespaced = out.metadata?.namespace !== undefined;
    const metadata = { ...given.metadata, name: named, ...(isNamespaced && { namespace }) };
    const text = JSON.stringify({ apiVersion: out.apiVersion, kind: out.kind, ...given, metadata });
    return /<[a-zA-Z]/.test(text) ? [] : [text];
  });
}

/** Not stored, or of use to one server alone: an aggregated API that nobody serves would stop the deletion of namespaces. */
const NOT_CREATED =
  /bindings|reviews|namespaces|apiservices|customresource|webhookconfig|admissionpolic|resourcequotas/;

const DEFINITION = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.handover.example.com" },
  spec: {
    group: "handover.example.com",
    scope: "Namespaced",
    names: { plural: "widgets", kind: "Widget" },
    versions: ["v1", "v1beta1"].map((name) => ({
      name,
      served: true,
      storage: name === "v1",
      schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      subresources: { status: {} },
      additionalPrinterColumns: [{ name: "Size", type: "integer", jsonPath: ".spec.size" }],
    })),
  },
};

/** Creates what can be created; a refusal is not this command's question. @returns how many were. */
async function fill(server: Api, namespace: string): Promise<number> {
  const refused: string[] = [];
  await server.kubectl(["create", "namespace", namespace]);
  await server.kubectl(["apply", "-f", "-"], JSON.stringify(DEFINITION));
  let made = 0;
  for (const text of requests(namespace)) {
    const { code, out } = await server.kubectl(["create", "--validate=false", "-f", "-"], text);
    if (code === 0) made += 1;
    else refused.push(out);
  }
  if (process.env["VERBOSE"] !== undefined) process.stdout.write(refused.join("\n"));
  const widget = {
    apiVersion: "handover.example.com/v1",
    kind: "Widget",
    metadata: { name: "w", namespace },
    spec: { size: 9007199254740993n.toString(), nested: { list: [1, 1.5, null, "ä"] } },
  };
  await until(async () => (await server.kubectl(["apply", "-f", "-"], JSON.stringify(widget))).code === 0, server.name);
  return made + 1;
}

interface Resource {
  readonly path: string;
  readonly name: string;
}

/** In the versions that upstream prefers: how objects look in others is not a question of how they are stored. */
async function resources(server: Api): Promise<readonly Resource[]> {
  const { out } = await server.kubectl(["get", "--raw", "/apis"]);
  const groups = (JSON.parse(out) as { groups: { preferredVersion: { groupVersion: string } }[] }).groups;
  const versions = ["/api/v1", ...groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`)];
  const lists = await Promise.all(
    versions.map(async (path) => {
      const answer = await server.kubectl(["get", "--raw", path]);
      const found = JSON.parse(answer.out) as { resources: { name: string; verbs: readonly string[] }[] };
      return found.resources
        .filter(({ name, verbs }) => !name.includes("/") && verbs.includes("list"))
        .map(({ name }) => ({ path: `${path}/${name}`, name }));
    }),
  );
  return lists.flat();
}

/** What servers write for themselves, about themselves: it changes between two requests. */
const OWN = /componentstatuses$|\/events$|flowcontrol|\/leases$/;

async function list(server: Api, { path }: Resource): Promise<ReadonlyMap<string, Item>> {
  const { out } = await server.kubectl(["get", "--raw", path]);
  const { items = [] } = JSON.parse(out) as { items?: readonly Item[] };
  return new Map(items.map((item) => [`${item.metadata.namespace ?? ""}/${item.metadata.name}`, item]));
}

/** @returns how many objects both show alike. */
async function compare(one: Api, other: Api): Promise<number> {
  let same = 0;
  for (const resource of await resources(one)) {
    if (OWN.test(resource.path)) continue;
    const [here, there] = await Promise.all([list(one, resource), list(other, resource)]);
    for (const [name, item] of here) {
      const twin = there.get(name);
      if (isDeepStrictEqual(item, twin)) same += 1;
      else if (!/\/kubernetes$/.test(name))
        problems.push(
          `${resource.path} ${name}\n  ${one.name}: ${JSON.stringify(item)}\n  ${other.name}: ${JSON.stringify(twin)}`,
        );
    }
    for (const name of there.keys())
      if (!here.has(name)) problems.push(`${resource.path} ${name}: only ${other.name} shows it`);
  }
  return same;
}

/** @returns how many objects `server` could change in the namespace. */
async function change(server: Api, namespace: string, mark: string): Promise<number> {
  let changed = 0;
  for (const { path, name } of await resources(server)) {
    if (!/^\/api\/v1|\/apis\/(apps|batch|networking|policy|handover)/.test(path) || OWN.test(path)) continue;
    const group = path.startsWith("/api/") ? "" : `.${path.split("/")[3]}.${path.split("/")[2]}`;
    const { out } = await server.kubectl(["get", "-n", namespace, `${name}${group}`, "-o", "name"]);
    for (const object of out.split("\n").filter((line) => line.includes("/"))) {
      const { code, out: said } = await server.kubectl([
        "annotate",
        "-n",
        namespace,
        "--overwrite",
        object,
        `mark=${mark}`,
      ]);
      if (code === 0) changed += 1;
      else problems.push(`${server.name} cannot change ${object}: ${said}`);
    }
  }
  return changed;
}

async function main(): Promise<void> {
  if (!existsSync(join(peersFolder(), "kube-apiserver"))) {
    process.stderr.write(
      `handover: no kube-apiserver ${KUBERNETES} in ${peersFolder()}, expected it from "npm run peers"\n`,
    );
    process.exitCode = 2;
    return;
  }
  await using lifetime = new Lifetime();
  const program = process.argv[2] ?? join(peersFolder(), "etcd");
  const etcd = await EtcdServer.start({ program });
  lifetime.add("etcd", () => etcd.remove());
  const say = (text: string): boolean => process.stdout.write(`  ✓ ${text}\n`);
  const keys = encryption(lifetime);
  const theirs = await upstream(lifetime, etcd.clientUrl, keys);
  say(`kube-apiserver wrote ${await fill(theirs, "from-upstream")} objects`);
  const ours = await tsukube(lifetime, etcd.clientUrl, keys);
  say(`both show ${await compare(theirs, ours)} objects alike`);
  say(`tsukube wrote ${await fill(ours, "from-tsukube")} objects`);
  say(`both show ${await compare(theirs, ours)} objects alike`);
  say(`tsukube changed ${await change(ours, "from-upstream", "ours")} of kube-apiserver's`);
  say(`kube-apiserver changed ${await change(theirs, "from-tsukube", "theirs")} of tsukube's`);
  say(`both show ${await compare(theirs, ours)} objects alike`);
  for (const problem of problems.slice(0, 30)) process.stdout.write(`  ✗ ${problem}\n`);
  process.stdout.write(`\n${problems.length} differences\n`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

await main().catch((error: unknown) => {
  process.stderr.write(`handover: ${messageOf(error)}\n`);
  process.exitCode = 1;
});
