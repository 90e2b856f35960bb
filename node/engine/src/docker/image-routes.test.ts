import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ImagesUnderTest } from "../images/images-under-test.ts";
import { TinyRegistry } from "../images/tiny-registry.ts";
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
