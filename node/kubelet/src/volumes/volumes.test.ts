import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Container, Pod, Volume } from "@tsukube/api/types/core-v1";
import { codeOf, messageOf } from "@tsukube/foundation";
import type { Mounts } from "@tsukube/kernel";
import { seededRandom } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { filesOf } from "./file-volumes.ts";
import { prepareVolumes, type VolumeSources, volumeDevices, volumeMounts } from "./volumes.ts";

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "volumes-"));
  memory = new Set();
});
afterEach(() => rmSync(base, { recursive: true }));

const sources = {
  configMap: async (name: string) => (name === "settings" ? { data: { color: "blue" } } : undefined),
  secret: async (name: string) => (name === "key" ? { data: { token: btoa("s3cret") } } : undefined),
  podIps: ["10.64.0.9"],
  hostIps: ["10.64.0.1"],
  nodeName: "n",
} as unknown as VolumeSources;

let memory: Set<string>;

/** Remembers what is bound where, and which folders are in memory. */
function fakeMounts(bound: [string, string][]): Mounts {
  const bind = (from: string, to: string) => void bound.push([from, to]);
  const tmpfs = (path: string) => void memory.add(path);
  return { unmount: () => {}, bind, tmpfs, isMounted: (path: string) => memory.has(path) } as unknown as Mounts;
}

function prepare(volumes: readonly Volume[], mounts: Mounts = fakeMounts([]), from = sources) {
  const pod: Pod = { metadata: { name: "p", namespace: "shop" }, spec: { containers: [], volumes } };
  return prepareVolumes(pod, from, { podFolder: base, mounts, random: seededRandom(1) });
}

const container = (more: Partial<Container>): Container => ({ name: "main", ...more });
const NO_ENV: ReadonlyMap<string, string> = new Map();

test("what comes from the API is mounted read-only, an emptyDir is not", async () => {
  const prepared = await prepare([
    { name: "settings", configMap: { name: "settings" } },
    { name: "key", secret: { secretName: "key", defaultMode: 0o400 } },
    { name: "info", downwardAPI: { items: [{ path: "name", fieldRef: { fieldPath: "metadata.name" } }] } },
    { name: "tmp", emptyDir: {} },
  ]);
  const volumeMountsOf = ["settings", "key", "info", "tmp"].map((name) => ({ name, mountPath: `/${name}` }));
  const mounts = await volumeMounts(container({ volumeMounts: volumeMountsOf }), prepared, NO_ENV);
  expect(mounts.map(({ readonly }) => readonly)).toEqual([true, true, true, false]);
  expect(readFileSync(join(mounts[0]?.hostPath ?? "", "color"), "utf8")).toBe("blue");
  expect(readFileSync(join(mounts[1]?.hostPath ?? "", "token"), "utf8")).toBe("s3cret");
  expect(statSync(join(mounts[1]?.hostPath ?? "", "token")).mode & 0o777).toBe(0o400);
  expect(readFileSync(join(mounts[2]?.hostPath ?? "", "name"), "utf8")).toBe("p");
  expect(memory).toEqual(new Set([join(base, "volumes/key"), join(base, "volumes/info")]));
});

test("when one volume cannot be had, the others are not in work any more", async () => {
  const happened: string[] = [];
  let answer = (): void => {};
  const configMap = () =>
    new Promise<{ data: Record<string, string> }>((resolve) => {
      answer = () => {
        happened.push("made");
        resolve({ data: { color: "blue" } });
      };
    });
  const volumes = [
    { name: "slow", configMap: { name: "settings" } },
    ...[1, 2].map((n) => ({ name: `v${n}`, nfs: {} as never })),
  ];
  const work = prepare(volumes, fakeMounts([]), { ...sources, configMap });
  const failed = work.catch((error: unknown) => happened.push(messageOf(error)));
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  answer();
  await failed;
  expect(happened).toEqual(["made", expect.stringContaining('failed for volume "v1"')]);
  expect(readFileSync(join(base, "volumes/slow/color"), "utf8")).toBe("blue");
});

test.each([
  [{ configMap: { name: "nothing" } }, 'MountVolume.SetUp failed for volume "v" : configmap "nothing" not found'],
  [{ secret: { secretName: "nothing" } }, 'MountVolume.SetUp failed for volume "v" : secret "nothing" not found'],
  [
    { configMap: { name: "settings", items: [{ key: "size", path: "size" }] } },
    'MountVolume.SetUp failed for volume "v" : configmap "settings" references non-existent config key: size',
  ],
  [
    { nfs: { server: "s", path: "/" } },
    /^MountVolume.SetUp failed for volume "v" : volumes of type nfs are not supported/,
  ],
  [{ hostPath: { path: "/proc/version", type: "Directory" } }, /hostPath type check failed/],
] as const)("a volume that cannot be had says why: %j", async (source, message) => {
  const work = prepare([{ name: "v", ...source }]);
  await expect(work).rejects.toThrow(message);
  await expect(work).rejects.toSatisfy((error) => codeOf(error) === "volume");
});

test.each([
  [{}, {}, 0o644, 0],
  [{ runAsUser: 1000 }, {}, 0o600, 1000],
  [{ runAsUser: 1000 }, { runAsUser: 2000 }, 0o644, 0],
  [{}, { runAsUser: 2000 }, 0o600, 2000],
])("a token is for its one reader: pod %j, container %j", async (shared, own, mode, uid) => {
  const files = await filesOf(
    {
      spec: {
        securityContext: shared,
        containers: [{ name: "a", securityContext: own }, ...(uid === 0 ? [{ name: "b" }] : [])],
      },
    },
    { name: "v", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } },
    { ...sources, token: async () => "t" },
  );
  expect(files?.get("token")).toEqual({ data: Buffer.from("t"), mode, ...(uid > 0 && { uid }) });
});

test("trust anchors and certificates stand in the files that the projection names", async () => {
  const podCertificate = {
    signerName: "example.com/s",
    keyType: "ED25519",
    credentialBundlePath: "both",
    keyPath: "key",
  };
  const anchors = { clusterTrustBundle: { name: "b", path: "anchors" } };
  const asked: unknown[] = [];
  const files = await filesOf(
    { spec: { containers: [{ name: "a" }], securityContext: { fsGroup: 7 } } },
    { name: "v", projected: { defaultMode: 0o440, sources: [anchors, { podCertificate }] } },
    {
      ...sources,
      trustAnchors: async ({ name }) => `anchors of ${name}`,
      certificate: async (...place) => {
        asked.push(place);
        return { key: "KEY\n", chain: "CHAIN\n" };
      },
    },
  );
  const texts = [...(files ?? [])].map(([path, { data, mode }]) => [path, data.toString(), mode]);
  expect(texts).toEqual([
    ["anchors", "anchors of b", 0o600],
    ["both", "KEY\nCHAIN\n", 0o600],
    ["key", "KEY\n", 0o600],
  ]);
  expect(asked).toEqual([["v", 1, podCertificate]]);
});

test("an image is left to the runtime, with the part of it that is wanted", async () => {
  const prepared = await prepare([{ name: "models", image: { reference: "models:1" } }]);
  const mount = { name: "models", mountPath: "/models", subPathExpr: "$(SIZE)" };
  const mounts = await volumeMounts(container({ volumeMounts: [mount] }), prepared, new Map([["SIZE", "small"]]));
  expect(mounts).toEqual([
    {
      image: { image: "models:1" },
      imageSubPath: "small",
      containerPath: "/models",
      readonly: true,
      propagation: "PROPAGATION_PRIVATE",
    },
  ]);
});

test("an optional ConfigMap that is missing is an empty volume", async () => {
  const prepared = await prepare([{ name: "v", configMap: { name: "nothing", optional: true } }]);
  expect(statSync(prepared.volumes.get("v")?.path ?? "").isDirectory()).toBe(true);
});

test("a part of a volume is bound to a place of the container's own, its path made of the environment", async () => {
  const bound: [string, string][] = [];
  const prepared = await prepare([{ name: "tmp", emptyDir: {} }], fakeMounts(bound));
  const mount = { name: "tmp", mountPath: "/logs", subPathExpr: "logs/$(POD)" };
  const [first] = await volumeMounts(container({ volumeMounts: [mount] }), prepared, new Map([["POD", "p-0"]]));
  const target = join(base, "volume-subpaths/tmp/main/0");
  expect(first).toMatchObject({ hostPath: target, containerPath: "/logs" });
  expect(bound).toEqual([[expect.stringMatching(/^\/proc\/self\/fd\/\d+$/), target]]);
  expect(statSync(join(base, "volumes/tmp/logs/p-0")).mode & 0o777).toBe(0o777);
});

test.each([
  [{ volumeMounts: [{ name: "other", mountPath: "/x" }] }, 'no volume "other" for volumeMount of container "main"'],
  [{ volumeMounts: [{ name: "tmp", mountPath: "/x", subPath: "../y" }] }, 'subPath "../y" must be relative'],
  [{ volumeMounts: [{ name: "tmp", mountPath: "/x", subPathExpr: "$(NONE)" }] }, "a variable that the container lacks"],
  [{ volumeMounts: [{ name: "tmp", mountPath: "/x", recursiveReadOnly: "Enabled" }] }, "recursiveReadOnly"],
  [
    { volumeDevices: [{ name: "tmp", devicePath: "/dev/x" }] },
    'no block device "tmp" for volumeDevice of container "main"',
  ],
] as const)("a mount that cannot be had is an error of the container's configuration: %j", async (more, message) => {
  const prepared = await prepare([{ name: "tmp", emptyDir: {} }]);
  const work = volumeMounts(container(more), prepared, NO_ENV).then(() => volumeDevices(container(more), prepared));
  await expect(work).rejects.toThrow(message);
  await expect(work).rejects.toSatisfy((error) => codeOf(error) === "config");
});
