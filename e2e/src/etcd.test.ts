import { Lifetime } from "@tsukube/foundation";
import { withEachEtcd } from "@tsukube/store/each-etcd";
import { EtcdServer } from "@tsukube/store/etcd-server";
import { expect, test } from "vitest";
import { eventually } from "./eventually.ts";
import { Kubectl } from "./kubectl.ts";
import { shareAuthority } from "./shared-authority.ts";
import { Tsukube } from "./tsukube.ts";

const isRoot = process.getuid?.() === 0;

withEachEtcd(({ program }) => {
  test.skipIf(!isRoot)(
    "two control planes on one etcd show the same at once, and one of them leads (needs root)",
    async () => {
      await using lifetime = new Lifetime();
      const etcd = await EtcdServer.start({ program });
      lifetime.add("etcd", () => etcd.remove());
      const one = new Tsukube(lifetime, "etcd-one");
      const other = new Tsukube(lifetime, "etcd-other");
      const flags = ["up", "--no-node", "--etcd", etcd.clientUrl];
      await one.run(flags);
      shareAuthority(one, other);
      await other.run(flags);
      const a = new Kubectl((await one.status()).kubeconfig);
      const b = new Kubectl((await other.status()).kubeconfig);

      for (let i = 0; i < 5; i += 1) {
        await a.run(`create configmap c${i} --from-literal=n=${i}`);
        expect(await b.out(`get configmap c${i} -o jsonpath={.data.n}`)).toBe(String(i));
        await b.run(`delete configmap c${i}`);
        expect(await a.out(`get configmap c${i} --ignore-not-found`)).toBe("");
      }
      const holder = (): Promise<string> =>
        b.out("get lease -n kube-system kube-controller-manager -o jsonpath={.spec.holderIdentity}");
      const first = await holder();
      expect(first).not.toBe("");
      await one.run(["down"]);
      // given back at the end, it is taken at the next look
      await eventually("another leads", async () => !["", first].includes(await holder()));
      await b.run("create deployment web --image=web --replicas=2");
      await eventually("pods are made", async () => (await b.out("get pods -o name")).split("\n").length === 2);

      // etcd knows no times: those of the leader's renewals do
      const asOf = async (moment: string) =>
        (await other.run(["get", "deployment", "web", "--at", moment], { accept: [0, 1] })).stdout;
      await eventually("it was there a moment ago", async () => (await asOf("0s")).includes("replicas: 2"));
      await expect(other.run(["get", "deployment", "web", "--at", "1h"])).rejects.toThrow(/expected a later time/);
    },
    120_000,
  );

  test.skipIf(!isRoot)(
    "a cluster finds the servers of its etcd elsewhere, takes no other etcd for it, says which server does not answer, and ends beside one that hangs (needs root)",
    async () => {
      await using lifetime = new Lifetime();
      const etcd = await EtcdServer.start({ program });
      lifetime.add("etcd", () => etcd.remove());
      const other = await EtcdServer.start({ program });
      lifetime.add("other etcd", () => other.remove());
      const tsukube = new Tsukube(lifetime, "etcd-moved");
      const up = (urls: readonly string[], more: readonly string[] = []) =>
        tsukube.run(["up", "--no-node", ...urls.flatMap((url) => ["--etcd", url]), ...more], { accept: [0, 1, 2] });
      const moved = etcd.clientUrl.replace("127.0.0.1", "localhost");
      const nobody = "http://127.0.0.1:1";
      expect((await up([etcd.clientUrl, other.clientUrl])).stderr).toMatch(
        /Cannot use etcd at \S+ \(cluster \w+\) and \S+ \(cluster \w+\): two clusters, expected servers of one/,
      );
      await up([etcd.clientUrl]);
      await new Kubectl((await tsukube.status()).kubeconfig).run("create configmap here");

      expect((await up([other.clientUrl])).stderr).toMatch(
        /keeps its objects in etcd at \S+ \(cluster \w+\) and not in cluster \w+ at \S+, expected the same; if that was restored .* "--etcd-restored"; otherwise use "down --purge"/,
      );
      expect((await up([nobody])).stderr).toContain(`Cannot reach etcd at ${nobody}: connect ECONNREFUSED`);
      const { stderr } = await up([moved, nobody]);
      expect(stderr).toContain(`is at ${moved}, ${nobody} now, no longer at ${etcd.clientUrl}`);
      expect(stderr).toContain("is ready after");
      expect(await new Kubectl((await tsukube.status()).kubeconfig).out("get configmap here -o name")).toBe(
        "configmap/here",
      );

      etcd.signal("SIGSTOP");
      expect((await tsukube.run(["down"])).stdout).toMatch(
        /could not bring to an end: .*Cannot reach etcd at \S+: no answer before the end of who asked/,
      );
      await etcd.kill();
      const waiting = await up([], ["--timeout", "1"]);
      expect(waiting.stderr).toContain(`Cannot reach etcd at ${moved}: `);
      expect(waiting.stderr).toContain(`Cannot reach etcd at ${nobody}: connect ECONNREFUSED`);
      expect(waiting.stderr).toMatch(/No server of etcd answers. .* "tsukube down" the control plane/);
      expect(waiting.stderr).toMatch(
        /Cannot wait any longer for the control plane: not there after 1 s; (?!Cannot release)/,
      );
    },
    120_000,
  );
});
