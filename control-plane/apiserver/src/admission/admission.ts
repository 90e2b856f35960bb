import type { Unstructured } from "@tsukube/api";
import type { AdmissionAttributes, AdmissionPlugin, AdmissionRequest } from "../contracts.ts";
import type { AdmissionMetrics } from "./admission-metrics.ts";
import { Reinvocation } from "./reinvocation.ts";

/** All admission plugins, in their order: each may change an object, then each may refuse it. */
export class Admission {
  readonly #plugins: readonly AdmissionPlugin[];
  readonly #metrics: AdmissionMetrics;

  constructor(plugins: readonly AdmissionPlugin[], metrics: AdmissionMetrics) {
    this.#plugins = plugins;
    this.#metrics = metrics;
  }

  /** A second round lets plugins see what webhooks changed, and webhooks what came after them. @throws {ApiError} */
  mutate(request: AdmissionRequest): Promise<Unstructured | undefined> {
    return this.#metrics.step("admit", request, () => this.#mutate(request));
  }

  async #mutate(request: AdmissionRequest): Promise<Unstructured | undefined> {
    const attributes = { ...request, reinvocation: new Reinvocation() };
    const object = await this.#round(attributes);
    if (!attributes.reinvocation.isRequested) return object;
    attributes.reinvocation.isAgain = true;
    return this.#round({ ...attributes, object });
  }

  /** @throws {ApiError} */
  validate(request: AdmissionRequest): Promise<void> {
    const attributes = { ...request, reinvocation: new Reinvocation() };
    return this.#metrics.step("validate", request, () =>
      this.#metrics.laps("validate", request, async (begins) => {
        for (const plugin of this.#plugins) {
          if (plugin.validate === undefined || !plugin.handles(attributes)) continue;
          begins(plugin.name);
          await plugin.validate(attributes);
        }
      }),
    );
  }

  /** For requests that store nothing of their own: deletes, connections, bindings. @throws {ApiError} */
  async admit(request: AdmissionRequest): Promise<Unstructured | undefined> {
    const object = await this.mutate(request);
    await this.validate({ ...request, object });
    return object;
  }

  #round(attributes: AdmissionAttributes): Promise<Unstructured | undefined> {
    return this.#metrics.laps("admit", attributes, async (begins) => {
      let seen = attributes;
      for (const plugin of this.#plugins) {
        if (plugin.mutate === undefined || !plugin.handles(attributes)) continue;
        begins(plugin.name);
        const object = await plugin.mutate(seen);
        if (object !== undefined && object !== seen.object) seen = { ...seen, object };
      }
      return seen.object;
    });
  }
}
