import { join } from "node:path";
import type { Transport } from "@tsukube/client";
import { realClock, run } from "@tsukube/host";
import { peersFolder } from "../peers.ts";

export interface Item {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly resourceVersion?: string };
}

export interface Resource {
  /** Such as "/apis/apps/v1/deployments". */
  readonly path: string;
  readonly name: string;
  readonly kind: string;
}

const TRIES = 40;

interface Answer {
  readonly code: number;
  /** What it printed; what it complained of after that. */
  readonly out: string;
}

/** An API server as kubectl and as plain requests see it. */
export class Api {
  readonly name: string;
  readonly #flags: readonly string[];
  readonly #transport: Transport;

  /** @param flags What kubectl needs to reach it. */
  constructor(name: string, flags: readonly string[], transport: Transport) {
    this.name = name;
    this.#flags = flags;
    this.#transport = transport;
  }

  async kubectl(args: readonly string[], input = ""): Promise<Answer> {
    const options = { input, accept: [0, 1] };
    const { code, stdout, stderr } = await run(join(peersFolder(), "kubectl"), [...this.#flags, ...args], options);
    return { code, out: stdout + stderr };
  }

  /** @returns what it says; undefined when it has nothing there. */
  async get(path: string): Promise<unknown> {
    const { status, body } = await this.#transport.request({ method: "GET", path, headers: {} });
    const parts: Uint8Array[] = [];
    if (body instanceof Uint8Array) parts.push(body);
    else for await (const part of body) parts.push(part);
    return status === 200 ? JSON.parse(Buffer.concat(parts).toString()) : undefined;
  }

  /** By name within namespace. */
  async list({ path }: Resource): Promise<ReadonlyMap<string, Item>> {
    const { items } = (await this.#soon(path)) as { readonly items: readonly Item[] };
    return new Map(items.map((item) => [`${item.metadata.namespace ?? ""}/${item.metadata.name}`, item]));
  }

  /** Everything that can be listed, in the versions that it prefers: how objects look in others is not a question of how they are stored. */
  async resources(): Promise<readonly Resource[]> {
    const { groups } = (await this.get("/apis")) as { groups: { preferredVersion: { groupVersion: string } }[] };
    const paths = ["/api/v1", ...groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`)];
    const lists = await Promise.all(paths.map((path) => this.#resourcesBelow(path)));
    return lists.flat();
  }

  /** Custom resources are listed a moment after they are discovered. */
  async #soon(path: string): Promise<unknown> {
    for (let tries = 1; ; tries += 1) {
      const answer = await this.get(path);
      if (answer !== undefined) return answer;
      if (tries === TRIES) throw new Error(`Cannot list ${path} of ${this.name}: no answer, expected one`);
      await realClock.sleep(250);
    }
  }

  async #resourcesBelow(path: string): Promise<readonly Resource[]> {
    type Listed = { readonly name: string; readonly kind: string; readonly verbs: readonly string[] };
    // an aggregated API whose server is not there has none
    const { resources } = ((await this.get(path)) ?? { resources: [] }) as { resources: readonly Listed[] };
    return resources
      .filter(({ name, verbs }) => !name.includes("/") && verbs.includes("list"))
      .map(({ name, kind }) => ({ path: `${path}/${name}`, name, kind }));
  }
}
