import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Tsukube } from "./tsukube.ts";

const isRoot = process.getuid?.() === 0;
type Kubectl = Awaited<ReturnType<Tsukube["kubectl"]>>;

function claimYaml(name: string, more = ""): string {
  return `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: ${name} }
spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 100Mi } }${more} }
---`;
}

/** A pod of uid 1000 that runs a script once and then waits. */
function podYaml(name: string, script: string, mounts: string, volumes: string): string {
  return `
apiVersion: v1
kind: Pod
metadata: { name: ${name} }
spec:
  terminationGracePeriodSeconds: 0
  securityContext: { runAsUser: 1000, runAsGroup: 1000, fsGroup: 1000 }
  containers:
    - name: main
      image: tsukube.local/busybox
      command: [sh, -c, ${JSON.stringify(`${script}; sleep 1000`)}]
      volumeMounts: [${mounts}]
  volumes: [${volumes}]
---`;
}

const DATA = "{ name: data, persistentVolumeClaim: { claimName: data } }";

describe.skipIf(!isRoot)("volumes of pods (needs root)", () => {
  const lifetime = new Lifetime();
  let tsukube: Tsukube;
  let kubectl: Kubectl;

  beforeAll(async () => {
    tsukube = new Tsukube(lifetime, "e2e-storage");
    await tsukube.run(["up"]);
    kubectl = await tsukube.kubectl();
  }, 300_000);
  afterAll(() => lifetime.close(), 120_000);

  const out = async (...args: string[]): Promise<string> => (await kubectl(args)).stdout.trim();
  const apply = (...manifests: string[]) => kubectl(["apply", "-f", "-"], { input: manifests.join("\n") });
  const ready = (name: string) => kubectl(["wait", "--for=condition=Ready", `pod/${name}`, "--timeout=30s"]);
  const pathOf = async (claim: string): Promise<string> => {
    const volume = await out("get", "pvc", claim, "-o", "jsonpath={.spec.volumeName}");
    return out("get", "pv", volume, "-o", "jsonpath={.spec.local.path}");
  };
  /** The message of an event about a pod, once there is one. */
  const eventOf = async (pod: string, reason: string): Promise<string> => {
    const about = `involvedObject.name=${pod},reason=${reason}`;
    const list = ["get", "events", "--field-selector", about];
    for (;;) {
      const message = await out(...list, "-o", "jsonpath={.items[0].message}", "--ignore-not-found");
      if (message !== "") return message;
    }
  };

  test("what a pod writes into its claim the next pod reads, also after down and up", async () => {
    const write = podYaml("writer", "echo kept > /data/file", "{ name: data, mountPath: /data }", DATA);
    await apply(claimYaml("data"), write);
    await ready("writer");
    expect(await out("get", "pvc", "data", "-o", "jsonpath={.status.phase} {.spec.storageClassName}")).toBe(
      "Bound standard",
    );
    await kubectl(["delete", "pod", "writer"]);
    await tsukube.run(["down"]);
    await tsukube.run(["up"]);
    await apply(podYaml("reader", "cat /data/file", "{ name: data, mountPath: /data }", DATA));
    await ready("reader");
    expect(await out("logs", "reader")).toBe("kept");
  }, 60_000);

  test("a claim in use waits for its pod; then it goes with its volume and the folder behind it", async () => {
    const folder = await pathOf("data");
    expect(readFileSync(join(folder, "file"), "utf8")).toBe("kept\n");
    await kubectl(["delete", "pvc", "data", "--wait=false"]);
    expect(await out("exec", "reader", "--", "cat", "/data/file")).toBe("kept");
    const volume = await out("get", "pvc", "data", "-o", "jsonpath={.spec.volumeName}");
    await kubectl(["delete", "pod", "reader"]);
    await kubectl(["wait", "--for=delete", "pvc/data", `pv/${volume}`, "--timeout=20s"]);
    expect(existsSync(folder)).toBe(false);
  }, 60_000);

  test("a volume made by hand, a part of it, read-only; memory; a volume of the pod's own", async () => {
    const host = mkdtempSync(join(tmpdir(), "tsukube-e2e-volume-"));
    lifetime.add("host folder", () => rmSync(host, { recursive: true, force: true }));
    writeFileSync(join(host, "given"), "from the host");
    const volume = `
apiVersion: v1
kind: PersistentVolume
metadata: { name: by-hand }
spec: { capacity: { storage: 1Gi }, accessModes: [ReadWriteOnce], hostPath: { path: ${host} }, storageClassName: "" }
---`;
    const mounts = [
      "{ name: hand, mountPath: /given, subPath: given }",
      "{ name: hand, mountPath: /readonly, readOnly: true }",
      "{ name: memory, mountPath: /memory }",
      "{ name: scratch, mountPath: /scratch }",
    ];
    const template = "{ spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } } }";
    const volumes = [
      "{ name: hand, persistentVolumeClaim: { claimName: by-hand } }",
      "{ name: memory, emptyDir: { medium: Memory, sizeLimit: 1Mi } }",
      `{ name: scratch, ephemeral: { volumeClaimTemplate: ${template} } }`,
    ];
    const script =
      "cat /given; touch /readonly/x 2>/dev/null || echo; touch /scratch/x && echo scratch; " +
      "head -c 2000000 /dev/zero > /memory/x 2>/dev/null || echo full";
    const pod = podYaml("many", script, mounts.join(", "), volumes.join(", "));
    await apply(volume, claimYaml("by-hand", ', storageClassName: ""'), pod);
    await ready("many");
    expect(await out("logs", "many")).toBe("from the host\nscratch\nfull");
    expect(await out("get", "pvc", "by-hand", "-o", "jsonpath={.spec.volumeName}")).toBe("by-hand");
    const own = await out("get", "pvc", "many-scratch", "-o", "jsonpath={.spec.volumeName}");
    await kubectl(["delete", "pod", "many"]);
    await kubectl(["wait", "--for=delete", "pvc/many-scratch", `pv/${own}`, "--timeout=20s"]);
    await kubectl(["delete", "pvc", "by-hand"]);
    await kubectl(["wait", "--for=jsonpath={.status.phase}=Released", "pv/by-hand", "--timeout=20s"]);
    expect(existsSync(join(host, "given"))).toBe(true);
  }, 60_000);

  test("a pod whose volume is missing says which, and runs once it is there", async () => {
    const late = "{ name: v, persistentVolumeClaim: { claimName: late } }, { name: c, configMap: { name: late } }";
    await apply(podYaml("late", "cat /c/key", "{ name: v, mountPath: /v }, { name: c, mountPath: /c }", late));
    expect(await eventOf("late", "FailedScheduling")).toContain('persistentvolumeclaim "late" not found');
    await apply(claimYaml("late"));
    expect(await eventOf("late", "FailedMount")).toBe(
      'MountVolume.SetUp failed for volume "c" : configmap "late" not found',
    );
    await kubectl(["create", "configmap", "late", "--from-literal=key=found"]);
    await ready("late");
    expect(await out("logs", "late")).toBe("found");
  }, 60_000);
});
