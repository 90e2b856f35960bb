import { byName } from "../names.ts";
import { RegistryError } from "../registry-error.ts";
import type { RepositoryStore } from "../store/repository-store.ts";
import type { Call } from "./call.ts";
import { numberParameter } from "./manifest-handler.ts";
import { pageOf } from "./page.ts";

/** `/v2/NAME/tags/list` and `/v2/_catalog`, in pages. */
export class ListHandler {
  readonly #repositories: RepositoryStore;

  constructor(repositories: RepositoryStore) {
    this.#repositories = repositories;
  }

  async tags(call: Call, name: string): Promise<void> {
    if (call.method !== "GET" && call.method !== "HEAD") return call.refuseMethod("GET");
    if (!(await this.#repositories.exists(name)))
      throw new RegistryError("NAME_UNKNOWN", `Cannot list the tags of "${name}": there is no such repository`, {
        details: [{ name }],
      });
    const { items, headers } = page(call, await this.#repositories.tags(name));
    call.json({ name, tags: items }, headers);
  }

  async catalog(call: Call): Promise<void> {
    if (call.method !== "GET" && call.method !== "HEAD") return call.refuseMethod("GET");
    const names: string[] = [];
    for await (const name of this.#repositories.repositories())
      if (await this.#repositories.exists(name)) names.push(name);
    const { items, headers } = page(call, names.sort(byName));
    call.json({ repositories: items }, headers);
  }
}

function page(
  call: Call,
  all: readonly string[],
): { readonly items: readonly string[]; readonly headers: Record<string, string> } {
  const limit = numberParameter(call);
  const last = call.parameter("last");
  const wish = { ...(limit === undefined ? {} : { limit }), ...(last === undefined ? {} : { last }) };
  const { items, link } = pageOf(all, wish, (name) => name, byName, call.url);
  return { items, headers: link === undefined ? {} : { link } };
}
