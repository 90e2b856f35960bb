import { expect, test } from "vitest";
import { withBuiltImages } from "./built-images.ts";

const deployment = (image: string) => ({
  file: "web.yaml",
  object: {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", annotations: { image } },
    spec: { template: { spec: { initContainers: [{ name: "i", image }], containers: [{ name: "c", image }] } } },
  },
});
const built = [{ image: "shop/web", tag: "0123456789ab" }];

test.each(["shop/web", "shop/web:latest", "docker.io/shop/web"])(
  "a container of %s runs the image just built",
  (image) => {
    const [entry] = withBuiltImages([deployment(image)], built);
    expect(entry).toMatchObject({
      object: {
        metadata: { annotations: { image } },
        spec: {
          template: {
            spec: {
              initContainers: [{ image: "shop/web:0123456789ab" }],
              containers: [{ image: "shop/web:0123456789ab" }],
            },
          },
        },
      },
    });
  },
);

test.each(["shop/web:v1", "shop/web2", "other/shop/web"])("a container of %s keeps its image", (image) => {
  expect(withBuiltImages([deployment(image)], built)).toEqual([deployment(image)]);
});
