import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { run } from "@tsukube/host";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually, fetchText } from "./eventually.ts";
import { hostSettings, leftBehind } from "./host-state.ts";
import { Kubectl } from "./kubectl.ts";
import { Tsukube } from "./tsukube.ts";

const isRoot = process.getuid?.() === 0;

const WEB = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: web
          image: tsukube.local/busybox
          command: [sh, -c, "mkdir /www; hostname > /www/index.html; exec httpd -f -p '[::]:8080' -h /www"]
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  type: NodePort
  ipFamilyPolicy: RequireDualStack
  selector: { app: web }
  ports: [{ port: 80, targetPort: 8080 }]
---
apiVersion: v1
kind: Service
metadata: { name: pods }
spec: { clusterIP: None, ipFamilyPolicy: PreferDualStack, selector: { app: web }, ports: [{ port: 8080 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: client }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: c
      image: tsukube.local/busybox
      command: [sleep, "10000"]
      env:
        - { name: POD_IPS, valueFrom: { fieldRef: { fieldPath: status.podIPs } } }
        - { name: HOST_IPS, valueFrom: { fieldRef: { fieldPath: status.hostIPs } } }
`;

describe.skipIf(!isRoot).each([
  ["IPv4 first", "10.196.0.0/16,fd00:196::/112", ["IPv4", "IPv6"], []],
  [
    "IPv6 first, networks of pods chosen",
    "fd00:196::/112,10.196.0.0/16",
    ["IPv6", "IPv4"],
    ["fd00:197::/64", "10.197.4.0/24"],
  ],
] as const)("a node of a cluster with both IP families, %s (needs root)", (what, networks, families, pods) => {
  const lifetime = new Lifetime();
  let cluster: Tsukube;
  let k: Kubectl;
  let before = "";
  const chosen = pods.length === 0 ? [] : ["--pod-cidr", pods.toReversed().join(","), "--snapshotter", "copies"];

  beforeAll(async () => {
    before = hostSettings();
    cluster = new Tsukube(lifetime, `dual-${what.slice(3, 4)}`);
    await cluster.run(["up", "--service-cidr", networks, ...chosen]);
    k = new Kubectl((await cluster.status()).kubeconfig);
    await k.apply(WEB);
    await k.run("rollout status deployment/web --timeout=60s");
    await k.run("wait --for=condition=Ready pod/client --timeout=60s");
  }, 300_000);
  afterAll(() => lifetime.close(), 120_000);

  const familiesOf = (addresses: string, by = " ") =>
    addresses.split(by).map((address) => (address.includes(":") ? "IPv6" : "IPv4"));
  const inClient = (command: string) => k.out(`exec client -- sh -c '${command}'`);
  const addressOf = async (name: string, family: string) => {
    const addresses = (await k.out(`get service ${name} -o jsonpath={.spec.clusterIPs[*]}`)).split(" ");
    return addresses.find((address) => address.includes(":") === (family === "IPv6")) ?? "";
  };
  const urlOf = (address: string, port = 80) =>
    address.includes(":") ? `http://[${address}]:${port}/` : `http://${address}:${port}/`;

  test.skipIf(pods.length === 0)("pods have addresses of the networks that were chosen, which stay", async () => {
    expect((await k.out("get nodes -o jsonpath={.items[0].spec.podCIDRs[*]}")).split(" ")).toEqual(pods);
    const [six = "", four = ""] = (await k.out("get pod client -o jsonpath={.status.podIPs[*].ip}")).split(" ");
    expect([six.startsWith("fd00:197::"), four.startsWith("10.197.4.")]).toEqual([true, true]);
    const refused = "its pods have fd00:197::/64,10.197.4.0/24, expected the same";
    await expect(cluster.run(["up", "--pod-cidr", "10.198.0.0/16"])).rejects.toThrow(refused);
    await cluster.run(["up", ...chosen]);
  });

  test.skipIf(pods.length === 0)("containers have their files as was chosen, and go on so", async () => {
    const { kubeconfig } = await cluster.status();
    expect(readFileSync(join(dirname(kubeconfig), "engine/s/kind"), "utf8")).toBe("copies\n");
    const refused = 'its containers have their files by "copies", expected the same';
    await expect(cluster.run(["up", "--snapshotter", "overlay"])).rejects.toThrow(refused);
  });

  test("node and pods have addresses of both, and pods know them", async () => {
    const shown = async (path: string) => familiesOf(await k.out(`get ${path}`));
    expect(await shown("nodes -o jsonpath={.items[0].spec.podCIDRs[*]}")).toEqual(families);
    const internal = 'nodes -o jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}';
    expect(await shown(internal)).toEqual(families);
    expect(await shown("pod client -o jsonpath={.status.podIPs[*].ip}")).toEqual(families);
    expect(await shown("pod client -o jsonpath={.status.hostIPs[*].ip}")).toEqual(families);
    const own = await k.out("get pod client -o jsonpath={.status.podIPs[*].ip}");
    expect(await inClient("echo $POD_IPS")).toBe(own.replace(" ", ","));
    expect(familiesOf(await inClient("echo $HOST_IPS"), ",")).toEqual(families);
    for (const address of own.split(" ")) expect(await inClient("cat /etc/hosts")).toContain(`${address}\tclient`);
  });

  test.each(["IPv4", "IPv6"])(
    "a Service is reached at its %s address and at the node's, by pods and by the host",
    async (family) => {
      const address = await addressOf("web", family);
      expect(await inClient(`wget -qO- ${urlOf(address)}`)).toMatch(/^web-/);
      expect(await fetchText(urlOf(address))).toMatch(/^web-/);
      const port = Number(await k.out("get service web -o jsonpath={.spec.ports[0].nodePort}"));
      const nodes = (await inClient("echo $HOST_IPS")).split(",");
      const node = nodes.find((each) => each.includes(":") === (family === "IPv6")) ?? "";
      expect(await fetchText(urlOf(node, port))).toMatch(/^web-/);
      expect(await inClient(`wget -qO- ${urlOf(node, port)}`)).toMatch(/^web-/);
    },
  );

  test("a pod reaches itself through a Service, by either address", async () => {
    await k.run("scale deployment web --replicas=1");
    await k.run("rollout status deployment/web --timeout=60s");
    await eventually("one backend", async () => (await k.out("get pods -l app=web -o name")).split("\n").length === 1);
    for (const family of families) {
      const url = urlOf(await addressOf("web", family));
      expect(await k.out(`exec deployment/web -- wget -qO- ${url}`)).toMatch(/^web-/);
    }
  });

  test("names lead to addresses of both families", async () => {
    const lookup = (name: string, type: string) => inClient(`nslookup -type=${type} ${name}.default.svc.cluster.local`);
    expect(await lookup("web", "AAAA")).toContain(await addressOf("web", "IPv6"));
    expect(await lookup("web", "A")).toContain(await addressOf("web", "IPv4"));

    const six = { ipFamilies: ["IPv6"], selector: { app: "web" }, ports: [{ port: 80, targetPort: 8080 }] };
    await k.apply({ apiVersion: "v1", kind: "Service", metadata: { name: "six" }, spec: six });
    const asked = () => inClient("timeout 3 wget -qO- http://six.default.svc.cluster.local/ || true");
    await eventually("an answer", async () => (await asked()).startsWith("web-"));

    const pods = await k.out("get pods -l app=web -o jsonpath={.items[*].status.podIPs[*].ip}");
    for (const address of pods.split(" "))
      expect(await lookup("pods", address.includes(":") ? "AAAA" : "A")).toContain(address);
  }, 60_000);

  test("without endpoints both addresses refuse at once", async () => {
    await k.run("scale deployment web --replicas=0");
    for (const family of families) {
      const url = urlOf(await addressOf("web", family));
      await eventually("refused", async () => /refused/.test(await inClient(`wget -qO- ${url} 2>&1 || true`)));
    }
  });

  test("down removes everything and restores the host", async () => {
    await cluster.run(["down", "--purge"]);
    expect(await leftBehind(cluster.name)).toEqual([]);
    expect((await run("nft", ["list", "tables"])).stdout).not.toContain(`tsukube-${cluster.name}`);
    expect(hostSettings()).toBe(before);
  }, 60_000);
});
