import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { addressesOf, indexOf } from "@tsukube/cli/addresses";
import { transportOfKubeconfig } from "@tsukube/e2e/kubeconfig-transport";
import { Lifetime, messageOf } from "@tsukube/foundation";
import { run } from "@tsukube/host";
import { EtcdServer } from "@tsukube/store/etcd-server";
import { SERVICE_CIDR } from "./differential/authority.ts";
import { startKubeApiServer } from "./differential/servers.ts";
import { Api } from "./handover/api.ts";
import { type Compared, compare, compareViews, type View, viewOf } from "./handover/compare.ts";
import { type Answers, type Changed, change, fill } from "./handover/objects.ts";
import { KUBERNETES, peersFolder } from "./peers.ts";

/**
 * `./tools/node tools/src/handover.ts [ETCD]`: kube-apiserver and Tsukube on one etcd, first at the same time, then one after the other on an etcd
 * that Tsukube filled. Objects of every kind that upstream accepted once are written through the one and read through both, then through the
 * other; all answers must be the same, and each must be able to change what the other wrote. Needs `npm run peers`.
 */
const NAME = "handover";
const ROOT = dirname(dirname(import.meta.dirname));
const TSUKUBE = join(ROOT, "tsukube");
/** Every version of every kind that no feature gate hides. */
const ALL_APIS = "api/all=true";

const differences: string[] = [];

function say(text: string): void {
  process.stdout.write(`  ✓ ${text}\n`);
}

function note(what: string, { alike, differences: found }: Compared): void {
  say(`${what}: ${alike} objects alike`);
  differences.push(...found);
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

/** One etcd, and the servers that open it. */
class Handover {
  readonly #lifetime: Lifetime;
  readonly #etcd: EtcdServer;
  readonly #keys: string;

  constructor(lifetime: Lifetime, etcd: EtcdServer) {
    this.#lifetime = lifetime;
    this.#etcd = etcd;
    this.#keys = encryption(lifetime);
    lifetime.add("cluster", async () => void (await run(TSUKUBE, ["down", "--purge", "--name", NAME])));
  }

  static async start(lifetime: Lifetime, program: string): Promise<Handover> {
    const etcd = await EtcdServer.start({ program });
    lifetime.add("etcd", () => etcd.remove());
    return new Handover(lifetime, etcd);
  }

  /** @param serviceCidr What Services get addresses of. @param nodePorts Such as "30000-32767". */
  async upstream(lifetime: Lifetime, serviceCidr: string, nodePorts: string): Promise<Api> {
    const args = [
      `--encryption-provider-config=${this.#keys}`,
      "--disable-admission-plugins=ServiceAccount",
      `--runtime-config=${ALL_APIS}`,
      `--service-cluster-ip-range=${serviceCidr}`,
      `--service-node-port-range=${nodePorts}`,
    ];
    const { kubectlFlags, transport } = await startKubeApiServer(lifetime, this.#etcd.clientUrl, args);
    return new Api("kube-apiserver", kubectlFlags, transport);
  }

  async tsukube(): Promise<Api> {
    const flags = ["--etcd", this.#etcd.clientUrl, "--encryption-provider-config", this.#keys];
    await run(TSUKUBE, ["up", "--no-node", "--name", NAME, "--runtime-config", ALL_APIS, ...flags]);
    const { kubeconfig } = await this.#status();
    const transport = transportOfKubeconfig(kubeconfig);
    this.#lifetime.own("transport", transport);
    return new Api("tsukube", ["--kubeconfig", kubeconfig], transport);
  }

  async down(): Promise<void> {
    await run(TSUKUBE, ["down", "--name", NAME]);
  }

  async #status(): Promise<{ readonly kubeconfig: string }> {
    const { stdout } = await run(TSUKUBE, ["status", "-o", "json", "--name", NAME]);
    return JSON.parse(stdout) as { kubeconfig: string };
  }
}

const DEFAULT_PORTS = "30000-32767";

/** At the same time. */
async function sideBySide(program: string): Promise<void> {
  await using lifetime = new Lifetime();
  const handover = await Handover.start(lifetime, program);
  const theirs = await handover.upstream(lifetime, SERVICE_CIDR, DEFAULT_PORTS);
  const theirAnswers = filled(theirs, await fill(theirs, "from-upstream", 1));
  const ours = await handover.tsukube();
  note("both show", await compare(theirs, ours));
  const ourAnswers = filled(ours, await fill(ours, "from-tsukube", 2));
  note("both show", await compare(theirs, ours));
  expectSame(theirs, theirAnswers, ours, ourAnswers);
  const own = await change(theirs, "from-upstream", "theirs");
  changed(theirs, theirs, own, own.refusals);
  changed(ours, theirs, await change(ours, "from-upstream", "ours"));
  changed(theirs, ours, await change(theirs, "from-tsukube", "theirs"), own.refusals);
  const again = filled(theirs, await fill(theirs, "from-upstream-again", 3));
  expectSame(theirs, again, ours, ourAnswers);
  note("both show", await compare(theirs, ours));
}

/** One after the other: what we wrote is opened by kube-apiserver, and given back. */
async function inTurns(program: string): Promise<void> {
  await using lifetime = new Lifetime();
  const handover = await Handover.start(lifetime, program);
  const ours = await handover.tsukube();
  const answers = filled(ours, await fill(ours, "of-tsukube", 4));
  const { cidr, nodePorts } = await networkOf(ours);
  const ourView = await viewOf(ours);
  await handover.down();
  const theirView = await withUpstream(handover, cidr, nodePorts, async (theirs) => {
    opened(theirs, ourView, await viewOf(theirs, ourView));
    expectSame(theirs, filled(theirs, await fill(theirs, "of-upstream", 5)), ours, answers);
    const { refusals } = await change(theirs, "of-upstream", "theirs");
    changed(theirs, ours, await change(theirs, "of-tsukube", "theirs"), refusals);
    return viewOf(theirs);
  });
  const again = await handover.tsukube();
  opened(again, theirView, await viewOf(again, theirView));
  changed(again, again, await change(again, "of-upstream", "ours"));
  filled(again, await fill(again, "of-tsukube-again", 6));
}

async function withUpstream<T>(
  handover: Handover,
  cidr: string,
  nodePorts: string,
  work: (theirs: Api) => Promise<T>,
): Promise<T> {
  await using turn = new Lifetime();
  return await work(await handover.upstream(turn, cidr, nodePorts));
}

/** What an operator would give the next server as flags. */
async function networkOf(server: Api): Promise<{ readonly cidr: string; readonly nodePorts: string }> {
  const path = "/apis/networking.k8s.io/v1/servicecidrs/kubernetes";
  const { spec } = (await server.get(path)) as { readonly spec: { readonly cidrs: readonly [string] } };
  const [cidr] = spec.cidrs;
  const { first, last } = addressesOf({ index: indexOf(cidr) }).nodePorts;
  return { cidr, nodePorts: `${first}-${last}` };
}

/** @returns what it answered, for comparison. */
function filled(server: Api, answers: Answers): Answers {
  const made = [...answers.values()].filter((answer) => answer === "").length;
  say(`${server.name} made ${made} objects, refused ${answers.size - made}`);
  return answers;
}

/** What the one takes the other must take. */
function expectSame(one: Api, answers: Answers, other: Api, others: Answers): void {
  for (const [where, answer] of answers) {
    const twin = others.get(where) ?? "not asked";
    if ((answer === "") === (twin === "")) continue;
    differences.push(`${where}\n  ${one.name}: ${answer || "made"}\n  ${other.name}: ${twin || "made"}`);
  }
}

/** @param known What the server would not change either if it had made it itself. */
function changed(server: Api, owner: Api, { count, refusals }: Changed, known: readonly string[] = []): void {
  const unknown = refusals.filter((refusal) => !known.includes(refusal));
  say(`${server.name} changed ${count} of ${owner.name}'s objects`);
  differences.push(...unknown.map((refusal) => `${server.name} cannot change ${refusal}`));
}

function opened(server: Api, before: View, after: View): void {
  const compared = compareViews(before, after);
  note(`${server.name} opened what was there, wrote ${compared.written.length}`, compared);
  if (process.env["VERBOSE"] !== undefined) process.stdout.write(`${compared.written.join("\n")}\n`);
}

const SHOWN = 40;

async function main(): Promise<void> {
  if (!existsSync(join(peersFolder(), "kube-apiserver"))) {
    process.stderr.write(
      `handover: no kube-apiserver ${KUBERNETES} in ${peersFolder()}, expected it from "npm run peers"\n`,
    );
    process.exitCode = 2;
    return;
  }
  const program = process.argv[2] ?? join(peersFolder(), "etcd");
  await sideBySide(program);
  await inTurns(program);
  for (const difference of differences.slice(0, SHOWN)) process.stdout.write(`  ✗ ${difference}\n`);
  process.stdout.write(`\n${differences.length} differences\n`);
  process.exitCode = differences.length > 0 ? 1 : 0;
}

await main().catch((error: unknown) => {
  process.stderr.write(`handover: ${messageOf(error)}\n`);
  process.exitCode = 1;
});
