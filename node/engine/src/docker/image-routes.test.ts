import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ImagesUnderTest } from "../images/images-under-test.ts";
import { TinyRegistry } from "../images/tiny-registry.ts";
import type { DockerContainer } from "./containers/container-record.ts";
import type { DockerDeps, DockerRequest } from "./contracts.ts";
import { imageRoutes } from "./image-routes.ts";

test("a pull tells the digest of what the name stands for now, whichever the image had before", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tsukube-routes-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const registry = await TinyRegistry.start();
  onTestFinished(() => registry.close());
  const deps = { ...(await ImagesUnderTest.reading(folder)), events: { publish: () => {} } };
  const route = imageRoutes(deps as unknown as DockerDeps).find(({ path }) => path.test("/images/create"));
  const pulled = async (): Promise<unknown> => {
    const query = new URLSearchParams({ fromImage: `${registry.name}:1.0` });
    const answer = await route?.handle({ query, header: () => undefined } as unknown as DockerRequest);
    const statuses: (string | undefined)[] = [];
    if (answer !== undefined && "messages" in answer)
      await answer.messages((message) => statuses.push((message as { readonly status?: string }).status));
    return statuses.find((status) => status?.startsWith("Digest:"));
  };
  const { index } = registry.addImage();
  expect(await pulled()).toBe(`Digest: ${index}`);
  const first = registry.manifests.get("1.0")!;
  const { digest: other } = registry.addManifest(
    { ...JSON.parse(first.bytes.toString()), annotations: { of: "another" } },
    "1.0",
  );
  expect(await pulled()).toBe(`Digest: ${other}`);
  registry.manifests.set("1.0", first);
  expect(await pulled()).toBe(`Digest: ${index}`);
});

test("what a registry has under a name is told by GET /distribution/NAME/json: of an index its platforms, of an image its own", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tsukube-routes-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const registry = await TinyRegistry.start();
  onTestFinished(() => registry.close());
  const deps = await ImagesUnderTest.reading(folder);
  const route = imageRoutes(deps as unknown as DockerDeps).find(({ path }) => path.test("/distribution/a/json"));
  const described = async (name: string) =>
    route?.handle({ parameters: [name], header: () => undefined } as unknown as DockerRequest);
  const { index } = registry.addImage();
  const { type: mediaType, bytes } = registry.manifests.get("1.0")!;
  const entries = (JSON.parse(bytes.toString()) as { manifests: { digest: string; platform: object }[] }).manifests;
  expect(await described(`${registry.name}:1.0`)).toEqual({
    status: 200,
    json: {
      Descriptor: { mediaType, digest: index, size: bytes.length },
      Platforms: entries.map(({ platform }) => platform),
    },
  });
  const own = { os: "linux", architecture: "arm", variant: "v7" };
  const config = registry.add(Buffer.from(JSON.stringify({ ...own, rootfs: { type: "layers", diff_ids: [] } })));
  const image = registry.addManifest({ mediaType: "application/vnd.oci.image.manifest.v1+json", config, layers: [] });
  expect(await described(`${registry.name}@${image.digest}`)).toMatchObject({
    json: { Descriptor: image, Platforms: [own] },
  });
  expect(deps.images.all).toEqual([]);
  await expect(described(`${registry.name}:none`)).rejects.toMatchObject({ code: "not-found" });
});

test("images are listed newest first, also within a second, by when they were made and by those of their names that are asked for", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tsukube-routes-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const { images } = await ImagesUnderTest.reading(folder);
  const now = Date.parse("2030-01-01T01:00:00Z");
  for (const [name, created] of [
    ["older", "2030-01-01T00:00:00.1Z"],
    ["newest", "2030-01-01T00:00:00.900000001Z"],
    ["newer", "2030-01-01T00:00:00.5Z"],
  ] as const)
    await images.create({
      layers: [],
      config: {},
      created,
      names: [1, 2].map((tag) => `docker.io/library/${name}:${tag}`),
    });
  const deps = { images, dockerContainers: { store: { all: [] } }, clock: { now: () => now } };
  const route = imageRoutes(deps as unknown as DockerDeps).find(({ path }) => path.test("/images/json"));
  const listed = async (filters: object): Promise<unknown> => {
    const query = new URLSearchParams({ filters: JSON.stringify(filters) });
    const answer = await route?.handle({ query } as unknown as DockerRequest);
    const shown = answer !== undefined && "json" in answer ? answer.json : [];
    return (shown as readonly { readonly RepoTags: readonly string[] }[]).map(({ RepoTags }) => RepoTags.join(" "));
  };
  const [older, newer, newest] = ["older:1 older:2", "newer:1 newer:2", "newest:1 newest:2"];
  expect(await listed({})).toEqual([newest, newer, older]);
  expect(await listed({ until: ["2030-01-01T00:00:00.5Z"] })).toEqual([older]);
  expect(await listed({ until: ["59m59.3s"] })).toEqual([newer, older]);
  expect(await listed({ until: ["2h"] })).toEqual([]);
  expect(await listed({ since: ["newer:1"] })).toEqual([newest]);
  expect(await listed({ before: ["newer:2"] })).toEqual([older]);
  expect(await listed({ reference: ["new*:2", "nosuch"] })).toEqual(["newest:2", "newer:2"]);
  await expect(listed({ before: ["nosuch"] })).rejects.toThrow("No such image: nosuch:latest");
});

test("what happens to names is told with the labels of the image, which stays as long as a container runs or mounts it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tsukube-routes-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const { images } = await ImagesUnderTest.reading(folder);
  const names = ["docker.io/library/app:1"];
  const { id } = await images.create({ layers: [], config: { Labels: { tier: "web" } }, names });
  const told: unknown[] = [];
  const container = {
    id: "0123456789abcdef",
    imageId: "another",
    mounts: [{ image: { id } }],
    state: { status: "exited" },
  };
  const all = [container as unknown as DockerContainer];
  const deps = {
    ...{ images, dockerContainers: { store: { all } }, inUse: () => new Set(all.length > 0 ? [id] : []) },
    ...{ garbage: { collect: async () => {} }, events: { publish: (...event: unknown[]) => told.push(event) } },
  } as unknown as DockerDeps;
  const ask = async (method: string, path: string, query: object = {}) => {
    const route = imageRoutes(deps).find((each) => each.method === method && each.path.test(path));
    const parameters = route?.path.exec(path)?.slice(1);
    return route?.handle({ parameters, query: new URLSearchParams({ ...query }) } as unknown as DockerRequest);
  };
  await ask("POST", "/images/app:1/tag", { repo: "app", tag: "2" });
  await ask("DELETE", "/images/app:2");
  await expect(ask("DELETE", "/images/app:1")).rejects.toThrow("container 0123456789ab is using its referenced image");
  await ask("DELETE", "/images/app:1", { force: "1" });
  all.pop();
  await ask("DELETE", `/images/${id}`);
  const said = [
    ["tag", "app:2"],
    ["untag", "app:2"],
    ["untag", "app:1"],
    ["delete", id],
  ];
  expect(told).toEqual(said.map(([action, name]) => ["image", action, id, { tier: "web", name }]));
});

test("a name without a tag stands for every tag where images are pulled and pushed", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tsukube-routes-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const registry = await TinyRegistry.start();
  onTestFinished(() => registry.close());
  registry.addImage();
  for (const tag of ["2.0", "3.0"]) registry.manifests.set(tag, registry.manifests.get("1.0")!);
  registry.before = ({ url = "" }, response) => {
    if (!url.includes("/tags/list")) return false;
    const isLast = url.includes("last=1.0");
    if (!isLast) response.setHeader("link", '</v2/team/app/tags/list?last=1.0&n=1>; rel="next"');
    response.end(JSON.stringify({ name: "team/app", tags: isLast ? ["2.0", "3.0"] : ["1.0"] }));
    return true;
  };
  const deps = { ...(await ImagesUnderTest.reading(folder)), events: { publish: () => {} } };
  const ask = async (path: string, query: Record<string, string>, ...parameters: string[]): Promise<unknown[]> => {
    const route = imageRoutes(deps as unknown as DockerDeps).find((each) => each.path.test(path));
    const request = { query: new URLSearchParams(query), parameters, header: () => undefined };
    const answer = await route?.handle(request as unknown as DockerRequest);
    const tags: unknown[] = [];
    if (answer !== undefined && "messages" in answer)
      await answer.messages((message) => {
        const { status = "", id, aux } = message as { status?: string; id?: string; aux?: { Tag: string } };
        if (status.startsWith("Pulling from")) tags.push(id);
        if (aux !== undefined) tags.push(aux.Tag);
      });
    return tags;
  };
  const { name } = registry;
  expect(await ask("/images/create", { fromImage: name, tag: "2.0" })).toEqual(["2.0"]);
  expect(await ask("/images/create", { fromImage: name })).toEqual(["1.0", "2.0", "3.0"]);
  expect(deps.images.all.map(({ names }) => [...names].sort())).toEqual([
    [`${name}:1.0`, `${name}:2.0`, `${name}:3.0`],
  ]);
  registry.manifests.clear();
  expect(await ask("/images/a/push", {}, name)).toEqual(["1.0", "2.0", "3.0"]);
  expect(["1.0", "2.0", "3.0"].every((tag) => registry.manifests.has(tag))).toBe(true);
  expect(await ask("/images/a/push", { tag: "2.0" }, name)).toEqual(["2.0"]);
  await expect(ask("/images/a/push", {}, `${name}/other`)).rejects.toThrow("does not exist locally with the tag");
});
