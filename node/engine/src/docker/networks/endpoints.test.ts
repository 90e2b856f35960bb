import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Attachment, AttachmentSpec, ContainerNetworks, Network } from "@tsukube/node-contracts";
import { VirtualClock } from "@tsukube/testing";
import { expect, onTestFinished, test } from "vitest";
import type { SandboxRecord } from "../../sandboxes/sandbox-record.ts";
import type { DockerContainer } from "../containers/container-record.ts";
import type { ContainerStore } from "../containers/container-store.ts";
import type { HostConfigDocument } from "../containers/documents.ts";
import { DockerEvents } from "../events.ts";
import { Endpoints } from "./endpoints.ts";

/** Containers on the networks "bridge" and "shop", without a kernel: each attachment has an address of its own. */
class World {
  readonly folder = mkdtempSync(join(tmpdir(), "tsukube-endpoints-"));
  readonly containers = new Map<string, DockerContainer>();
  attachments: Attachment[] = [];
  #given = 0;
  readonly networks = ["bridge", "shop", "closed"].map(
    (name, at) => ({ id: `id-${at}`, name, internal: name === "closed" }) as Network,
  );
  readonly endpoints = new Endpoints({
    networks: this.#networks(),
    loopback: () => {},
    store: this.#store(),
    sandbox: (id) => this.sandbox(id),
    events: new DockerEvents(new VirtualClock()),
    serveNames: async () => {},
  });

  constructor() {
    onTestFinished(() => rmSync(this.folder, { recursive: true }));
  }

  #store(): ContainerStore {
    const { containers } = this;
    const all = { get: () => [...containers.values()] };
    return Object.defineProperty({ find: (name: string) => containers.get(name) }, "all", all) as ContainerStore;
  }

  #networks(): ContainerNetworks {
    const networks = {
      find: (name: string) => this.networks.find((network) => network.name === name || network.id === name),
      published: () => [],
      ...{ unpublish: async () => {}, leadNames: async () => {} },
      attach: async (spec: AttachmentSpec) => {
        const attached = {
          ...spec,
          address: `10.0.0.${++this.#given}`,
          gateway: "10.0.0.254",
        } as unknown as Attachment;
        this.attachments.push(attached);
        return attached;
      },
      detach: async (id: string, networkId?: string) => {
        const isGone = (each: Attachment): boolean =>
          each.containerId === id && (networkId ?? each.networkId) === each.networkId;
        this.attachments = this.attachments.filter((each) => !isGone(each));
      },
    };
    return Object.defineProperty(networks, "attachments", { get: () => this.attachments }) as never;
  }

  sandbox(id: string): SandboxRecord {
    const files = join(this.folder, id);
    mkdirSync(files, { recursive: true });
    return { id, files, hostname: id, namespaces: { net: "/net" } } as unknown as SandboxRecord;
  }

  async start(id: string, hostConfig: HostConfigDocument, links: readonly string[] = []): Promise<DockerContainer> {
    const mode = hostConfig.NetworkMode ?? "bridge";
    const endpoints = { [mode]: links.length === 0 ? {} : { Links: links } };
    const state = { status: "running" };
    const container = { id, name: id, config: {}, hostConfig, endpoints, state } as unknown as DockerContainer;
    this.containers.set(id, container);
    await this.endpoints.connect(container, this.sandbox(id));
    return container;
  }

  hosts(id: string): readonly string[] {
    return readFileSync(join(this.folder, id, "hosts"), "utf8")
      .split("\n")
      .filter((line) => line.startsWith("10."));
  }
}

test("a link leads to where the other is now", async () => {
  const world = new World();
  const db = await world.start("db", {});
  await world.start("web", { Links: ["db:database"] });
  expect(world.hosts("web")).toEqual(["10.0.0.1\tdatabase db", "10.0.0.2\tweb"]);
  await world.endpoints.release(db.id);
  expect(world.hosts("web")).toEqual(["10.0.0.2\tweb"]);
  await world.start("db", {});
  expect(world.hosts("web")).toEqual(["10.0.0.3\tdatabase db", "10.0.0.2\tweb"]);
});

test("on the default network a link is to one that runs; on others to whoever is there, once it is", async () => {
  const world = new World();
  await expect(world.start("web", { Links: ["db:database"] })).rejects.toThrow("could not get container for db");
  await world.start("app", { NetworkMode: "shop", Links: ["db:database"] }, ["db:database", "db"]);
  expect(world.hosts("app")).toHaveLength(1);
  await world.start("db", {}); // which is not on that network
  expect(world.hosts("app")).toHaveLength(1);
  await world.start("db", { NetworkMode: "shop" });
  const { address } = world.attachments.at(-1) as Attachment;
  expect(world.hosts("app").slice(0, 2)).toEqual([`${address}\tdatabase`, `${address}\tdb`]);
});

test.each([
  [{ shop: {}, bridge: {} }, "shop"],
  [{ shop: {}, bridge: { GwPriority: 1 } }, "bridge"],
  [{ shop: { GwPriority: -1 }, bridge: {}, closed: { GwPriority: 5 } }, "bridge"],
])("of the networks %j the world is reached over %s", async (endpoints, expected) => {
  const world = new World();
  const { id } = await world.start("web", { NetworkMode: "shop" });
  await world.endpoints.release(id);
  await world.endpoints.connect({ ...(world.containers.get(id) as DockerContainer), endpoints }, world.sandbox(id));
  const nameOf = (wanted: string) => world.networks.find((network) => network.id === wanted)?.name;
  const attached = world.attachments as readonly (Attachment & { readonly isDefault?: boolean })[];
  expect(attached.filter(({ isDefault }) => isDefault).map(({ networkId }) => nameOf(networkId))).toEqual([expected]);
  expect(attached).toHaveLength(Object.keys(endpoints).length);
});

test("a container that cannot be connected to one more network stays as it was", async () => {
  const world = new World();
  const web = await world.start("web", { NetworkMode: "shop" });
  const before = [[...world.attachments], world.hosts("web")];
  const [bridge] = world.networks as [Network];
  const added = world.endpoints.add(web, bridge, { Links: ["nosuch"] }, world.sandbox("web"));
  await expect(added).rejects.toThrow("No such container: nosuch");
  expect([world.attachments, world.hosts("web")]).toEqual(before);
});
