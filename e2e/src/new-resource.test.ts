import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { run } from "@tsukube/host";
import { expect, test } from "vitest";
import { transportOfKubeconfig } from "./kubeconfig-transport.ts";
import { Kubectl } from "./kubectl.ts";
import { Tsukube } from "./tsukube.ts";

const ROOT = dirname(dirname(import.meta.dirname));
const PATH = "/apis/energy.example.com/v1/namespaces/default/windmills";

/** A checkout with the same sources and modules that can be changed. */
function copyOfSources(lifetime: Lifetime): string {
  const root = mkdtempSync(join(tmpdir(), "tsukube-sources-"));
  lifetime.add("sources", () => rmSync(root, { recursive: true, force: true }));
  const isSource = (path: string): boolean => !["node_modules", "dist", ".git"].includes(basename(path));
  for (const name of readdirSync(ROOT).filter(isSource))
    cpSync(join(ROOT, name), join(root, name), { recursive: true, verbatimSymlinks: true, filter: isSource });
  mkdirSync(join(root, "node_modules"));
  for (const name of readdirSync(join(ROOT, "node_modules")).filter((name) => name !== "@tsukube"))
    symlinkSync(join(ROOT, "node_modules", name), join(root, "node_modules", name));
  const own = join("node_modules", "@tsukube"); // relative links: to packages of the copy
  cpSync(join(ROOT, own), join(root, own), { recursive: true, verbatimSymlinks: true });
  return root;
}

test("the file that CONTRIBUTING.md shows is all that a new resource takes", async () => {
  await using lifetime = new Lifetime();
  const root = copyOfSources(lifetime);
  const guide = readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8");
  const [, file = "", text = ""] = /`(api\/src\/resources\/\S+\.ts)`:\n\n```ts\n(.*?)```/s.exec(guide) ?? [];
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
  const node = join(root, "tools/node");
  await run(node, [join(root, "tools/src/generate.ts")]);
  await run(node, [join(root, "node_modules/typescript/bin/tsc"), "-p", root]);
  await run(join(root, "node_modules/.bin/biome"), ["ci", "--error-on-warnings", join(root, file)], { cwd: root });

  const cluster = new Tsukube(lifetime, "new-resource", root);
  await cluster.run(["up", "--no-node"]);
  const { kubeconfig } = await cluster.status();
  const kubectl = new Kubectl(kubeconfig);
  const windmill = (spec: object) => ({
    apiVersion: "energy.example.com/v1",
    kind: "Windmill",
    metadata: { name: "first" },
    spec,
  });
  expect(await kubectl.out("api-resources --api-group=energy.example.com --no-headers")).toMatch(
    /windmills +wm +.*true +Windmill/,
  );
  expect(await kubectl.out("explain windmill.spec")).toMatch(/site\s+<string> -required-\s+enum: land, sea/);
  const owned = windmill({ site: "sea", owners: ["ann", "bob"] });
  expect(await kubectl.apply(owned, "--server-side --field-manager one")).toContain("serverside-applied");
  await kubectl.apply(windmill({ owners: ["cid"], site: "sea" }), "--server-side --field-manager two");
  expect(await kubectl.out("get wm first -o jsonpath={.spec}")).toBe(
    '{"blades":3,"owners":["ann","bob","cid"],"site":"sea"}',
  );
  expect(await kubectl.out("get wm --field-selector spec.site=sea --no-headers")).toMatch(/^first +3 +sea +\d+s$/);
  expect(await kubectl.out("get wm --field-selector spec.site=land -o name")).toBe("");

  const patch = (patch: object, more = "") => `patch wm first --type merge ${more} -p '${JSON.stringify(patch)}'`;
  expect(await kubectl.fails(patch({ spec: { site: "land" } }))).toContain(
    'spec.site: Invalid value: "land": field is immutable',
  );
  expect(await kubectl.fails(patch({ spec: { blades: 40 } }))).toContain(
    "spec.blades: Invalid value: 40: must be between 1 and 12",
  );
  const unknown = { input: JSON.stringify(windmill({ site: "sea", blade: 1 })) };
  expect(await kubectl.fails("create -f -", unknown)).toContain('strict decoding error: unknown field "spec.blade"');
  await kubectl.run(patch({ status: { watts: 5 } }));
  await kubectl.run(patch({ spec: { blades: 5 }, status: { watts: 4000 } }, "--subresource status"));
  const shown = "jsonpath={.metadata.generation}{.spec.blades}{.status.watts}";
  expect(await kubectl.out(`get wm first -o ${shown}`)).toBe("234000");

  const transport = transportOfKubeconfig(kubeconfig);
  lifetime.add("connections", () => transport.close());
  const accept = "application/vnd.kubernetes.protobuf";
  const { status, headers, body } = await transport.request({ method: "GET", path: PATH, headers: { accept } });
  expect([status, headers["content-type"]]).toEqual([200, accept]);
  let bytes = "";
  for await (const piece of body as AsyncIterable<Uint8Array>) bytes += Buffer.from(piece).toString("latin1");
  expect(bytes).toMatch(/^k8s\0.*WindmillList.*first/s);
  expect(await kubectl.out("delete wm first")).toContain("deleted");
}, 180_000);
