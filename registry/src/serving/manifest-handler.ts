import { byName, digestOf, isDigest, isTag } from "../names.ts";
import { RegistryError } from "../registry-error.ts";
import { OCI_INDEX } from "../store/manifest-document.ts";
import type { FoundManifest, Manifests } from "../store/manifests.ts";
import type { RepositoryStore } from "../store/repository-store.ts";
import type { Call } from "./call.ts";
import { pageOf } from "./page.ts";

interface Deps {
  readonly manifests: Manifests;
  readonly repositories: RepositoryStore;
  readonly find: (name: string, reference: string, signal: AbortSignal) => Promise<FoundManifest | undefined>;
}

/** As the spec wants at least (distribution spec, "Pushing Manifests"). */
const MAX_MANIFEST = 4 * 1024 * 1024;
/** How many referrers one answer has; they are a few hundred bytes each. */
const REFERRERS = 1000;

/** `/v2/NAME/manifests/REFERENCE` and `/v2/NAME/referrers/DIGEST`. */
export class ManifestHandler {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  handle(call: Call, name: string, reference: string): Promise<void> {
    switch (call.method) {
      case "GET":
      case "HEAD":
        return this.#get(call, name, reference);
      case "PUT":
        return this.#put(call, name, reference);
      case "DELETE":
        return this.#delete(call, name, reference);
      default:
        return call.refuseMethod("GET", "HEAD", "PUT", "DELETE");
    }
  }

  async #get(call: Call, name: string, reference: string): Promise<void> {
    if (!isTag(reference)) digestOf(reference);
    const { manifests } = this.#deps;
    const found = await this.#deps.find(name, reference, call.signal);
    if (found === undefined) throw unknownManifest(name, reference);
    const { digest, record } = found;
    const etag = `"${digest}"`;
    const headers = { "content-type": record.mediaType, "docker-content-digest": digest, etag };
    if (call.header("if-none-match")?.includes(etag) === true) return call.answer(304, headers);
    if (call.method === "HEAD") return call.answer(200, { ...headers, "content-length": record.size });
    return call.answer(200, headers, await manifests.read(digest));
  }

  async #put(call: Call, name: string, reference: string): Promise<void> {
    const tags = call.url.searchParams.getAll("tag");
    if (!isTag(reference)) digestOf(reference);
    for (const tag of tags) if (!isTag(tag) || isTag(reference)) throw invalidTag(tag);
    const bytes = await call.body(MAX_MANIFEST);
    const { digest, document } = await this.#deps.manifests.put(name, {
      bytes,
      contentType: call.header("content-type") ?? "",
      ...(isDigest(reference) ? { digest: reference, tags } : { tags: [reference] }),
    });
    call.answer(201, {
      location: `/v2/${name}/manifests/${digest}`,
      "docker-content-digest": digest,
      ...(document.subject === undefined ? {} : { "oci-subject": document.subject }),
      ...(tags.length === 0 ? {} : { "oci-tag": tags }),
    });
  }

  async #delete(call: Call, name: string, reference: string): Promise<void> {
    const { manifests } = this.#deps;
    const wasThere = isTag(reference)
      ? await manifests.removeTag(name, reference)
      : await manifests.remove(name, digestOf(reference));
    if (!wasThere) throw unknownManifest(name, reference);
    call.answer(202);
  }

  /** Manifests whose subject is the one, whether it is here or not (distribution spec, "Listing Referrers"). */
  async referrers(call: Call, name: string, reference: string): Promise<void> {
    if (call.method !== "GET" && call.method !== "HEAD") return call.refuseMethod("GET");
    const all = await this.#deps.repositories.referrers(name, digestOf(reference));
    const type = call.parameter("artifactType");
    const wanted = type === undefined ? all : all.filter(({ artifactType }) => artifactType === type);
    const last = call.parameter("last");
    const limit = Math.min(numberParameter(call) ?? REFERRERS, REFERRERS);
    const wish = { limit, ...(last === undefined ? {} : { last }) };
    const { items, link } = pageOf(wanted, wish, ({ digest }) => digest, byName, call.url);
    call.json(
      { schemaVersion: 2, mediaType: OCI_INDEX, manifests: items },
      {
        "content-type": OCI_INDEX,
        ...(type === undefined ? {} : { "oci-filters-applied": "artifactType" }),
        ...(link === undefined ? {} : { link }),
      },
    );
  }
}

/** How many entries are wished for. @throws {RegistryError} `UNSUPPORTED` with status 400. */
export function numberParameter(call: Call): number | undefined {
  const text = call.parameter("n");
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new RegistryError("UNSUPPORTED", `Cannot list "${text}" entries: expected a number`, { status: 400 });
}

function unknownManifest(name: string, reference: string): RegistryError {
  return new RegistryError("MANIFEST_UNKNOWN", `Cannot find manifest "${reference}" in "${name}": there is none`);
}

function invalidTag(tag: string): RegistryError {
  return new RegistryError(
    "MANIFEST_INVALID",
    `Cannot use tag "${tag}": expected up to 128 letters, digits, "_", "." and "-", beside a digest`,
  );
}
