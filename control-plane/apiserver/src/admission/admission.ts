import type { Unstructured } from "@tsukube/api";
import type { AdmissionAttributes, AdmissionPlugin } from "../contracts.ts";

/** All admission plugins, in their order: each may change an object, then each may refuse it. */
export class Admission {
  readonly #plugins: readonly AdmissionPlugin[];

  constructor(plugins: readonly AdmissionPlugin[]) {
    this.#plugins = plugins;
  }

  /** @returns the object as the plugins want it. @throws {ApiError} */
  async mutate(attributes: AdmissionAttributes): Promise<Unstructured | undefined> {
    let { object } = attributes;
    for (const plugin of this.#plugins) {
      if (plugin.mutate === undefined || !plugin.handles(attributes)) continue;
      object = (await plugin.mutate({ ...attributes, object })) ?? object;
    }
    return object;
  }

  /** @throws {ApiError} */
  async validate(attributes: AdmissionAttributes): Promise<void> {
    for (const plugin of this.#plugins) {
      if (plugin.validate !== undefined && plugin.handles(attributes)) await plugin.validate(attributes);
    }
  }

  /** For requests that store nothing of their own: deletes, connections, bindings. @throws {ApiError} */
  async admit(attributes: AdmissionAttributes): Promise<Unstructured | undefined> {
    const object = await this.mutate(attributes);
    await this.validate({ ...attributes, object });
    return object;
  }
}
