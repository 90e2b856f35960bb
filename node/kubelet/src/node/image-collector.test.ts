import { silentLogger } from "@tsukube/foundation";
import type { Container, Image } from "@tsukube/node-contracts/cri";
import { VirtualClock } from "@tsukube/testing";
import { beforeEach, expect, test } from "vitest";
import type { Cri } from "../cri/runtime.ts";
import type { FileSystemUsage } from "../stats/node-usage.ts";
import { ImageCollector } from "./image-collector.ts";

const GIB = 2 ** 30;
let clock: VirtualClock;
let images: Image[];
let containers: Container[];
let refused: string[];
let available: number;
let collector: ImageCollector;

beforeEach(() => {
  clock = new VirtualClock(0);
  images = [];
  containers = [];
  refused = [];
  available = 50 * GIB;
  const cri = {
    images: {
      ListImages: async () => ({ images: [...images] }),
      RemoveImage: async ({ image }: { image: { image: string } }) => {
        if (refused.includes(image.image)) throw new Error("in use");
        images = images.filter(({ id }) => id !== image.image);
      },
    },
    runtime: { ListContainers: async () => ({ containers }) },
  } as unknown as Cri;
  const usage = async () => ({ availableBytes: available, capacityBytes: 100 * GIB }) as FileSystemUsage;
  collector = new ImageCollector({ cri, clock, logger: silentLogger, usage });
});

const image = (id: string, size = GIB, more: Partial<Image> = {}): Image => ({
  id,
  size,
  repoDigests: [`r@${id}`],
  ...more,
});
const left = () => images.map(({ id }) => id);

test("images stay while there is room", async () => {
  images = [image("a")];
  await collector.collect();
  await clock.advance(600_000);
  await collector.collect();
  expect(left()).toEqual(["a"]);
});

test("when room is short the longest unused go, until there is enough; pinned, used and new ones stay", async () => {
  images = [
    image("old", 1.5 * GIB),
    image("used"),
    image("recent"),
    image("pinned", GIB, { pinned: true }),
    image("older", 1.5 * GIB),
  ];
  containers = [{ imageRef: "r@used" }, { imageRef: "r@recent" }, { imageId: "old" }];
  await collector.collect();
  await clock.advance(300_000);
  containers = [{ imageRef: "r@used" }, { imageRef: "r@recent" }];
  await collector.collect();
  await clock.advance(300_000);
  containers = [{ imageRef: "r@used" }];
  available = 3.5 * GIB;
  await collector.collect();
  expect(left()).toEqual(["used", "recent", "pinned"]);
  await clock.advance(300_000);
  images.push(image("new"));
  available = 3 * GIB;
  await collector.collect();
  expect(left()).toEqual(["used", "pinned", "new"]);
});

test("an image that cannot be removed is passed over", async () => {
  images = [image("a"), image("b")];
  await collector.collect();
  await clock.advance(300_000);
  refused = ["a"];
  expect(await collector.reclaim()).toBe(true);
  expect(left()).toEqual(["a"]);
  expect(await collector.reclaim()).toBe(false);
});
