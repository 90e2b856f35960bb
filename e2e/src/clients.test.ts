import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { dirname, join } from "node:path";
import { PassThrough, Readable, Writable } from "node:stream";
import {
  ApiException,
  AppsV1Api,
  Attach,
  CoreV1Api,
  type CoreV1Event,
  Exec,
  KubeConfig,
  KubernetesObjectApi,
  Log,
  makeInformer,
  PatchStrategy,
  PortForward,
  setHeaderOptions,
  type V1ConfigMap,
  type V1Status,
  Watch,
} from "@kubernetes/client-node";
import { Lifetime } from "@tsukube/foundation";
import { run } from "@tsukube/host";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clientBinary } from "./clients.ts";
import { eventually, fetchText } from "./eventually.ts";
import { Kubectl, words } from "./kubectl.ts";
import { Tsukube } from "./tsukube.ts";

const CHART = join(dirname(import.meta.dirname), "fixtures/chart");

/** Collects what is written into it. */
class Sink extends Writable {
  text = "";
  override _write(piece: Buffer, _encoding: string, done: () => void): void {
    this.text += piece.toString("utf8");
    done();
  }
}

describe.skipIf(process.getuid?.() !== 0)("unmodified clients (need root)", () => {
  const lifetime = new Lifetime();
  const namespace = "default";
  let k: Kubectl;
  let config: KubeConfig;
  let core: CoreV1Api;

  beforeAll(async () => {
    const tsukube = new Tsukube(lifetime, "e2e-clients");
    await tsukube.run(["up"]);
    const { kubeconfig } = await tsukube.status();
    k = new Kubectl(kubeconfig);
    config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    core = config.makeApiClient(CoreV1Api);
  }, 300_000);
  afterAll(() => lifetime.close(), 120_000);

  describe("@kubernetes/client-node", () => {
    const name = "subject";

    beforeAll(async () => {
      const script =
        'mkdir /www; echo page > /www/index.html; httpd -p 8080 -h /www; while read x; do echo "got $x"; done';
      const container = { name: "main", image: "tsukube.local/busybox", command: ["sh", "-c", script], stdin: true };
      const spec = { terminationGracePeriodSeconds: 0, containers: [container] };
      await core.createNamespacedPod({ namespace, body: { metadata: { name }, spec } });
      await k.run(`wait --for=condition=Ready pod/${name} --timeout=30s`);
    }, 60_000);

    test("creates, reads, lists, replaces and deletes, with typed errors", async () => {
      const made = await core.createNamespacedConfigMap({
        namespace,
        body: { metadata: { name: "c" }, data: { a: "1" } },
      });
      expect(made.metadata?.creationTimestamp).toBeInstanceOf(Date);
      const replaced = await core.replaceNamespacedConfigMap({
        name: "c",
        namespace,
        body: { ...made, data: { a: "2" } },
      });
      expect(replaced.data).toEqual({ a: "2" });
      const stale = core.replaceNamespacedConfigMap({ name: "c", namespace, body: { ...made, data: { a: "3" } } });
      await expect(stale).rejects.toSatisfy((error) => error instanceof ApiException && error.code === 409);
      const { items } = await core.listNamespacedConfigMap({ namespace, fieldSelector: "metadata.name=c" });
      expect(items.map(({ data }) => data)).toEqual([{ a: "2" }]);
      const first = await core.listNamespacedConfigMap({ namespace, limit: 1 });
      expect(first.metadata?._continue).toBeTruthy();
      await core.deleteNamespacedConfigMap({ name: "c", namespace });
      const gone = core.readNamespacedConfigMap({ name: "c", namespace });
      await expect(gone).rejects.toSatisfy((error) => error instanceof ApiException && error.code === 404);
    }, 30_000);

    test("patches in every form, and applies server-side by kind alone", async () => {
      await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: "p" }, data: { a: "1" } } });
      const patch = async (strategy: PatchStrategy, body: unknown): Promise<V1ConfigMap["data"]> =>
        (
          await core.patchNamespacedConfigMap(
            { name: "p", namespace, body },
            setHeaderOptions("Content-Type", strategy),
          )
        ).data;
      expect(await patch(PatchStrategy.JsonPatch, [{ op: "add", path: "/data/b", value: "2" }])).toEqual({
        a: "1",
        b: "2",
      });
      expect(await patch(PatchStrategy.MergePatch, { data: { a: null } })).toEqual({ b: "2" });
      expect(await patch(PatchStrategy.StrategicMergePatch, { data: { c: "3" } })).toEqual({ b: "2", c: "3" });
      const objects = KubernetesObjectApi.makeApiClient(config);
      const applied = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "p", namespace }, data: { d: "4" } };
      const result = await objects.patch<V1ConfigMap>(
        applied,
        undefined,
        undefined,
        "e2e",
        true,
        PatchStrategy.ServerSideApply,
      );
      expect(result.data).toEqual({ b: "2", c: "3", d: "4" });
      expect(result.metadata?.managedFields?.map(({ manager }) => manager)).toContain("e2e");
      await objects.delete(applied);
    }, 30_000);

    test("an informer follows what happens, and a watch ends when it is told to", async () => {
      const seen: string[] = [];
      const path = `/api/v1/namespaces/${namespace}/configmaps`;
      const informer = makeInformer<V1ConfigMap>(config, path, () => core.listNamespacedConfigMap({ namespace }));
      for (const verb of ["add", "update", "delete"] as const)
        informer.on(verb, ({ metadata }) => void (metadata?.name === "i" && seen.push(verb)));
      await informer.start();
      lifetime.add("informer", () => informer.stop());
      const created = await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: "i" } } });
      await core.replaceNamespacedConfigMap({ name: "i", namespace, body: { ...created, data: { a: "1" } } });
      await eventually("update seen", async () => seen.includes("update"));
      expect(informer.get("i", namespace)?.data).toEqual({ a: "1" });
      const phases: string[] = [];
      const ended = Promise.withResolvers<unknown>();
      const query = { fieldSelector: "metadata.name=i", resourceVersion: created.metadata?.resourceVersion };
      const watching = await new Watch(config).watch(path, query, (phase) => void phases.push(phase), ended.resolve);
      await core.deleteNamespacedConfigMap({ name: "i", namespace });
      await eventually("delete seen", async () => seen.includes("delete") && phases.includes("DELETED"));
      expect(seen).toEqual(["add", "update", "delete"]);
      expect(phases).toEqual(["MODIFIED", "DELETED"]);
      watching.abort();
      await ended.promise;
      await informer.stop();
    }, 30_000);

    test("exec passes input and output, and gives the exit code", async () => {
      const [stdout, stderr] = [new Sink(), new Sink()];
      const status = Promise.withResolvers<V1Status>();
      const command = ["sh", "-c", "cat; echo err >&2; exit 3"];
      await new Exec(config).exec(
        namespace,
        name,
        "main",
        command,
        stdout,
        stderr,
        Readable.from(["in"]),
        false,
        status.resolve,
      );
      expect(await status.promise).toMatchObject({ status: "Failure", reason: "NonZeroExitCode" });
      expect((await status.promise).details?.causes).toEqual([{ reason: "ExitCode", message: "3" }]);
      expect([stdout.text, stderr.text]).toEqual(["in", "err\n"]);
    }, 30_000);

    test("attach talks to the container's own process", async () => {
      const [stdin, stdout] = [new PassThrough(), new Sink()];
      const socket = await new Attach(config).attach(namespace, name, "main", stdout, new Sink(), stdin, false);
      lifetime.add("attach", () => socket.close());
      stdin.write("hello\n");
      await eventually("the answer", async () => stdout.text.includes("got hello"));
      socket.close();
    }, 30_000);

    test("logs are followed to the end of the container", async () => {
      const command = ["sh", "-c", "echo first; sleep 1; echo last"];
      const spec = { restartPolicy: "Never", containers: [{ name: "c", image: "tsukube.local/busybox", command }] };
      await core.createNamespacedPod({ namespace, body: { metadata: { name: "brief" }, spec } });
      await k.run("wait --for=condition=PodReadyToStartContainers pod/brief --timeout=30s");
      await k.run("wait --for=jsonpath={.status.containerStatuses[0].containerID} pod/brief --timeout=30s");
      const sink = new Sink();
      const finished = once(sink, "finish");
      await new Log(config).log(namespace, "brief", "c", sink, { follow: true });
      await finished;
      expect(sink.text).toBe("first\nlast\n");
    }, 30_000);

    test("port-forward serves connections", async () => {
      const forward = new PortForward(config);
      const server: Server = createServer((socket) => {
        socket.on("error", () => {});
        void forward.portForward(namespace, name, [8080], socket, null, socket);
      });
      lifetime.add("server", () => void server.close());
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as { port: number };
      expect(await fetchText(`http://127.0.0.1:${port}/`)).toBe("page\n");
      server.close();
    }, 30_000);

    test("scales by the subresource, evicts, and reads events", async () => {
      await k.run("create deployment scaled --image=tsukube.local/busybox --replicas=0 -- sleep 1000");
      const apps = config.makeApiClient(AppsV1Api);
      await eventually("the scale is written", async () => {
        const scale = await apps.readNamespacedDeploymentScale({ name: "scaled", namespace });
        const body = { ...scale, spec: { replicas: 1 } }; // refused when a controller wrote in between
        return (await apps.replaceNamespacedDeploymentScale({ name: "scaled", namespace, body })).spec?.replicas === 1;
      });
      await core.createNamespacedPodEviction({ name, namespace, body: { metadata: { name } } });
      await k.run(`wait --for=delete pod/${name} --timeout=30s`);
      const { items } = await core.listNamespacedEvent({ namespace, fieldSelector: `involvedObject.name=${name}` });
      expect(items.map(({ reason }: CoreV1Event) => reason)).toEqual(expect.arrayContaining(["Scheduled", "Killing"]));
      await k.run("delete deployment scaled");
    }, 60_000);
  });

  describe("helm", () => {
    const helm = (line: string, accept = [0]) =>
      run(clientBinary("helm"), words(line), { env: { ...k.env, XDG_CACHE_HOME: "/nonexistent" }, accept });
    const page = async (): Promise<string> => (await helm("test page --logs")).stdout;

    test("installs a chart with its definitions and hooks, and waits for it", async () => {
      expect((await helm(`install page ${CHART} --wait --timeout 60s`)).stdout).toContain("STATUS: deployed");
      expect(await k.out("get deployment page -o jsonpath={.status.readyReplicas}")).toBe("1");
      expect(await k.out("get leaf page -o jsonpath={.spec.color}")).toBe("first");
      expect(await k.out("get job page-1 --ignore-not-found")).toBe(""); // the hook has run and is gone
      expect(await page()).toMatch(/Phase:\s+Succeeded[\s\S]*first/);
    }, 90_000);

    test("upgrades and rolls back, and remembers both", async () => {
      await helm(`upgrade page ${CHART} --set text=second,replicas=2 --wait --timeout 60s`);
      expect(await k.out("get deployment page -o jsonpath={.status.readyReplicas}")).toBe("2");
      expect(await page()).toContain("second");
      await helm("rollback page 1 --wait --timeout 60s");
      expect(await k.out("get leaf page -o jsonpath={.spec.color}")).toBe("first");
      expect(await page()).toContain("first");
      const history = JSON.parse((await helm("history page -o json")).stdout) as { status: string }[];
      expect(history.map(({ status }) => status)).toEqual(["superseded", "superseded", "deployed"]);
      expect((await helm("get values page --revision 2 -o json")).stdout.trim()).toBe('{"replicas":2,"text":"second"}');
    }, 120_000);

    test("a failed upgrade is reported and rolled back", async () => {
      const { stderr } = await helm(`upgrade page ${CHART} --set replicas=none --wait --timeout 20s`, [1]);
      expect(stderr).toMatch(/replicas|Deployment/);
      expect(await page()).toContain("first");
    }, 90_000);

    test("lists and uninstalls everything but the definitions", async () => {
      expect((await helm("list -q")).stdout).toBe("page\n");
      await helm("uninstall page --wait --timeout 60s");
      expect(await k.out("get deployments,services,leaves -l app.kubernetes.io/managed-by=Helm")).toBe("");
      expect(await k.out("get secrets -o name")).not.toContain("sh.helm.release");
      expect(await k.out("get crd -o name")).toContain("leaves.e2e.tsukube.dev");
    }, 90_000);
  });
});
