import type { Pod } from "@tsukube/api/types/core-v1";
import type { ImageService } from "@tsukube/node-contracts/cri";
import { expect, test } from "vitest";
import { ensureImages, imagesOf } from "./image-puller.ts";
import type { PodContext } from "./pod-context.ts";
import { PullBackoff } from "./pull-backoff.ts";

const container = {
  name: "main",
  image: "app:1",
  imagePullPolicy: "IfNotPresent",
  volumeMounts: [
    { name: "models", mountPath: "/models" },
    { name: "tmp", mountPath: "/tmp" },
  ],
};
const pod: Pod = {
  metadata: { name: "p" },
  spec: {
    containers: [container],
    volumes: [
      { name: "models", image: { reference: "models:2", pullPolicy: "Never" } },
      { name: "others", image: { reference: "others:1", pullPolicy: "Always" } },
      { name: "tmp", emptyDir: {} },
    ],
  },
};

function contextWith(...present: readonly string[]): PodContext {
  const images: Partial<Record<keyof ImageService, unknown>> = {
    ImageStatus: async ({ image }: { readonly image: { readonly image: string } }) =>
      present.includes(image.image) ? { image: { id: `id of ${image.image}` } } : {},
  };
  return { cri: { images }, pullBackoff: new PullBackoff({ now: () => 0 } as never), event: () => {} } as never;
}

test("a container needs its own image and those of the volumes that it mounts", () => {
  expect(imagesOf(pod, container).map(({ name, pullPolicy }) => `${name} ${pullPolicy}`)).toEqual([
    "app:1 IfNotPresent",
    "models:2 Never",
  ]);
});

test("it starts from its own image, once all of them are there", async () => {
  const wanted = imagesOf(pod, container);
  expect(await ensureImages(contextWith("app:1", "models:2"), pod, wanted)).toEqual({ image: { id: "id of app:1" } });
  expect(await ensureImages(contextWith("app:1"), pod, wanted)).toMatchObject({
    waiting: {
      reason: "ErrImageNeverPull",
      message: 'Container image "models:2" is not present with pull policy of Never',
    },
  });
});
