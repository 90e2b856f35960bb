import type { Pod, PodSpec } from "@tsukube/api/types/core-v1";
import { codeOf } from "@tsukube/foundation";
import { expect, test } from "vitest";
import { dnsConfigOf, hostNetworkHostsFile, hostnameOf, hostsFile, sandboxHostname } from "./pod-files.ts";

const pod = (spec: Partial<PodSpec> = {}, name = "web-0"): Pod => ({
  metadata: { name, namespace: "shop" },
  spec: { containers: [], ...spec },
});
const DOMAIN = "cluster.local";
const DNS = { address: "10.160.0.10", domain: DOMAIN };

test.each([
  [{}, "web-0", "web-0"],
  [{ hostname: "db" }, "db", "db"],
  [{ hostname: "db", subdomain: "sql" }, "db", "db"],
  [{ hostname: "db", subdomain: "sql", setHostnameAsFQDN: true }, "db", "db.sql.shop.svc.cluster.local"],
  [{ setHostnameAsFQDN: true }, "web-0", "web-0"],
  [{ hostnameOverride: "my.own.example", subdomain: "sql" }, "my.own.example", "my.own.example"],
])("a pod of %j is called %s, and its kernel says %s", (spec, name, inside) => {
  expect([hostnameOf(pod(spec)), sandboxHostname(pod(spec), DOMAIN)]).toEqual([name, inside]);
});

test("a long name is cut to 63 characters; one to be qualified that is too long is an error", () => {
  expect(hostnameOf(pod({}, `${"a".repeat(62)}-${"b".repeat(9)}`))).toBe("a".repeat(62));
  const long = pod({ hostname: "h".repeat(40), subdomain: "sub", setHostnameAsFQDN: true });
  expect(() => sandboxHostname(long, DOMAIN)).toThrow(
    /is too long \(64 characters is the max, \d+ characters requested\)/,
  );
  try {
    sandboxHostname(long, DOMAIN);
  } catch (error) {
    expect(codeOf(error)).toBe("hostname");
  }
});

test("/etc/hosts has the pod's names and its aliases", () => {
  const hostAliases = [{ ip: "10.1.2.3", hostnames: ["foo.local", "bar.local"] }];
  const lines = hostsFile(pod({ hostname: "db", subdomain: "sql", hostAliases }), ["10.64.0.9"], DOMAIN).split("\n");
  expect(lines[0]).toBe("# Kubernetes-managed hosts file.");
  expect(lines).toContain("10.64.0.9\tdb.sql.shop.svc.cluster.local\tdb");
  expect(lines).toContain("10.1.2.3\tfoo.local\tbar.local");
  expect(hostNetworkHostsFile(pod({ hostAliases }), "127.0.0.1\tlocalhost\n")).toBe(
    "# Kubernetes-managed hosts file (host network).\n127.0.0.1\tlocalhost\n\n# Entries added by HostAliases.\n10.1.2.3\tfoo.local\tbar.local\n",
  );
});

test("dnsPolicy ClusterFirst asks the cluster's name server and tries the namespace first", async () => {
  const { servers, searches, options } = await dnsConfigOf(pod(), DNS);
  expect([servers, searches?.slice(0, 3), options]).toEqual([
    ["10.160.0.10"],
    ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"],
    ["ndots:5"],
  ]);
  expect((await dnsConfigOf(pod({ hostNetwork: true }), DNS)).servers).not.toContain("10.160.0.10");
  const both = pod({ hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" });
  expect((await dnsConfigOf(both, DNS)).servers).toEqual(["10.160.0.10"]);
});

test("dnsConfig is added, its options replace those of the same name, and nothing is longer than resolvers read", async () => {
  const dnsConfig = {
    nameservers: ["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"],
    searches: ["example.com"],
    options: [{ name: "ndots", value: "2" }, { name: "edns0" }],
  };
  expect(await dnsConfigOf(pod({ dnsPolicy: "None", dnsConfig }), DNS)).toEqual({
    servers: ["1.1.1.1", "1.1.1.2", "1.1.1.3"],
    searches: ["example.com"],
    options: ["ndots:2", "edns0"],
  });
  expect((await dnsConfigOf(pod({ dnsConfig }), DNS)).options).toEqual(["ndots:2", "edns0"]);
});
