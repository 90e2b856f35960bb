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

      await expect(one.run(["up", "--no-node", "--etcd", "http://127.0.0.1:1"])).rejects.toThrow(
        /keeps its objects in etcd/,
      );
    },
    120_000,
  );
});
