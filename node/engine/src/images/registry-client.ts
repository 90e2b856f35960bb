import type { IncomingMessage } from "node:http";
import { type Clock, codeOf, type Random, TsukubeError } from "@tsukube/foundation";
import { mountBlob, type UploadPeer, uploadStreaming, uploadWhole } from "./blob-upload.ts";
import { bodyOf, exchange, type HttpRequest, type HttpTrust, readAll } from "./http-exchange.ts";
import { type Descriptor, DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from "./manifest.ts";
import type { Reference } from "./reference.ts";
import { authorize, type RegistryCredentials } from "./registry-auth.ts";
import { type RegistryHost, registryHosts } from "./registry-hosts.ts";
import { RegistryTokens } from "./registry-tokens.ts";

export interface RegistryClientOptions {
  /** Folder of containerd's `certs.d/HOST/hosts.toml`; or the hosts themselves, of whatever registry. */
  readonly hosts: string | readonly RegistryHost[];
  readonly clock: Clock;
  readonly random: Random;
  /** 30 s by default. */
  readonly stallMs?: number;
  /** Pause before the first repetition; doubles. 500 by default. */
  readonly backoffMs?: number;
}

export interface Search {
  readonly text: string;
  /** Of results, at most. */
  readonly limit: number;
}

/** As Docker's API passes it on. */
export interface SearchResult {
  readonly name?: string;
  readonly description?: string;
  readonly star_count?: number;
  readonly is_official?: boolean;
  readonly is_automated?: boolean;
}

const HUB_INDEX = "https://index.docker.io";
const MANIFESTS = [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST];
const ATTEMPTS = 5;
/** Of lists of tags. */
const MAX_PAGES = 1000;
const PASSING = new Set([408, 429, 500, 502, 503, 504]);
const REPEATABLE = new Set(["unreachable", "stalled", "truncated", "unavailable"]);

/** Speaks to registries (OCI distribution spec 1.1): finds hosts, answers challenges, repeats what failed in passing. */
export class RegistryClient {
  readonly #options: RegistryClientOptions;
  readonly #tokens: RegistryTokens;

  constructor(options: RegistryClientOptions) {
    this.#options = options;
    this.#tokens = new RegistryTokens(options.clock);
  }

  /** A conversation about one repository with one set of credentials. */
  async open(
    reference: Reference,
    credentials: RegistryCredentials = {},
    signal?: AbortSignal,
  ): Promise<RegistrySession> {
    const { hosts: known } = this.#options;
    const hosts = typeof known === "string" ? await registryHosts(reference.registry, known) : known;
    return new RegistrySession(this.#options, this.#tokens, reference, hosts, credentials, signal);
  }
}

/** Talks about one repository. */
export class RegistrySession {
  readonly #options: RegistryClientOptions;
  readonly #reference: Reference;
  readonly #hosts: readonly RegistryHost[];
  readonly #credentials: RegistryCredentials;
  readonly #signal: AbortSignal | undefined;
  readonly #tokens: RegistryTokens;

  constructor(
    options: RegistryClientOptions,
    tokens: RegistryTokens,
    reference: Reference,
    hosts: readonly RegistryHost[],
    credentials: RegistryCredentials,
    signal: AbortSignal | undefined,
  ) {
    this.#options = options;
    this.#tokens = tokens;
    this.#reference = reference;
    this.#hosts = hosts;
    this.#credentials = credentials;
    this.#signal = signal;
  }

  /**
   * Whether the registry takes the credentials. @returns what takes a password's place from now on, where the registry gives such.
   * @throws {TsukubeError} `unauthorized`, `unreachable`, `unavailable`.
   */
  async checkCredentials(): Promise<string | undefined> {
    const host = this.#pushHost();
    const trust = this.#trust(host);
    const url = new URL(`${host.base}/`);
    const open = await exchange(url, {}, trust);
    if (open.statusCode !== 401) return void (await good(open, url, trust)).resume();
    open.resume();
    const answer = await authorize(open.headers["www-authenticate"] ?? "", { offline: true }, this.#credentials, trust);
    const headers = answer === undefined ? {} : { authorization: answer.header };
    (await good(await exchange(url, { headers }, trust), url, trust)).resume();
    return answer?.identityToken;
  }

  /** What the registry finds by words. @throws {TsukubeError} `unsupported` where it does not search, and as {@link manifest}. */
  async search({ text, limit }: Search): Promise<readonly SearchResult[]> {
    const host = this.#pushHost();
    const base = this.#reference.registry === "docker.io" ? HUB_INDEX : host.base.replace(/\/v2$/, "");
    const url = new URL(`${base}/v1/search`);
    url.searchParams.set("q", text);
    url.searchParams.set("n", String(limit));
    const trust = this.#trust(host);
    const answer = await exchange(url, {}, trust);
    const body = (await readAll(answer, trust)).toString("utf8");
    try {
      const { results } = JSON.parse(body) as { readonly results?: readonly SearchResult[] };
      if (answer.statusCode === 200 && Array.isArray(results)) return results;
    } catch {} // said below
    throw new TsukubeError(
      "unsupported",
      `Cannot search in "${this.#reference.registry}": it answered ${answer.statusCode}, expected results; few registries search`,
    );
  }

  /**
   * A manifest or index, not yet verified against a digest.
   * @throws {TsukubeError} `not-found`, `unauthorized`, `unreachable`, `stalled`, `unavailable`.
   */
  manifest(name: string): Promise<{ readonly mediaType: string; readonly bytes: Buffer }> {
    return this.#fromAny(
      this.#hosts.filter((host) => host.canResolve || name.includes(":")),
      async (host) => {
        const headers = { accept: MANIFESTS.join(", ") };
        const response = await this.#ask(host, `manifests/${name}`, { headers }, "pull");
        const bytes = await readAll(response, this.#trust(host));
        return { mediaType: (response.headers["content-type"] ?? "").split(";")[0]?.trim() ?? "", bytes };
      },
    );
  }

  /** The tags of the repository, in the registry's order. @throws as {@link manifest}, `too-large`. */
  tags(): Promise<readonly string[]> {
    return this.#fromAny(
      this.#hosts.filter((host) => host.canResolve),
      async (host) => {
        const tags: string[] = [];
        let query: string | undefined = "";
        for (let page = 0; query !== undefined; page++) {
          if (page === MAX_PAGES)
            throw new TsukubeError("too-large", `Cannot list tags: more than ${MAX_PAGES} pages of them`);
          const answer = await this.#ask(host, `tags/list${query}`, {}, "pull");
          tags.push(...tagsIn(await readAll(answer, this.#trust(host))));
          query = nextQuery(answer.headers.link);
        }
        return tags;
      },
    );
  }

  /** A blob from its beginning to its end; goes on where it was when a connection breaks. @throws as {@link manifest}, `truncated`. */
  async *blob({ digest, size }: Descriptor): AsyncGenerator<Buffer> {
    let done = 0;
    for (let attempt = 1; done < size || attempt === 1; attempt++) {
      const before = done;
      try {
        for await (const part of this.#blobFrom(digest, done)) {
          done += part.length;
          if (done > size)
            throw new TsukubeError("wrong-digest", `Cannot read blob "${digest}": more came than its ${size} bytes`);
          yield part;
        }
        if (done >= size) return;
        throw new TsukubeError("truncated", `Cannot read blob "${digest}": it ended after ${done} of ${size} bytes`);
      } catch (error) {
        if (done > before) attempt = 1; // it is getting on
        if (attempt >= ATTEMPTS || !REPEATABLE.has(codeOf(error) ?? "")) throw error;
        await this.#pause(attempt);
      }
    }
  }

  async *#blobFrom(digest: string, offset: number): AsyncGenerator<Buffer> {
    const { response, host } = await this.#fromAny(this.#hosts, async (host) => {
      const headers = offset === 0 ? {} : { range: `bytes=${offset}-` };
      return { response: await this.#ask(host, `blobs/${digest}`, { headers }, "pull"), host };
    });
    let skip = response.statusCode === 206 ? 0 : offset; // a server may not know ranges
    try {
      for await (const part of bodyOf(response, this.#trust(host))) {
        const rest = part.subarray(skip);
        skip -= part.length - rest.length;
        if (rest.length > 0) yield rest;
      }
    } catch (cause) {
      if (codeOf(cause) === "stalled" || this.#signal?.aborted === true) throw cause;
      throw new TsukubeError("truncated", `Cannot read blob "${digest}": the connection broke`, { cause });
    }
  }

  async hasBlob(digest: string): Promise<boolean> {
    try {
      (await this.#ask(this.#pushHost(), `blobs/${digest}`, { method: "HEAD" }, "pull,push")).resume();
      return true;
    } catch (error) {
      if (codeOf(error) === "not-found") return false;
      throw error;
    }
  }

  /** How many bytes a blob has. @throws as {@link manifest}. */
  blobSize(digest: string): Promise<number> {
    return this.#fromAny(this.#hosts, async (host) => {
      const answer = await this.#ask(host, `blobs/${digest}`, { method: "HEAD" }, "pull");
      answer.resume();
      const size = Number(answer.headers["content-length"] ?? Number.NaN);
      if (Number.isSafeInteger(size)) return size;
      throw new TsukubeError("unavailable", `Cannot read blob "${digest}": the registry does not tell its size`);
    });
  }

  /** Uploads a blob. @param onBytes Told the sum so far. @throws as {@link manifest}, `refused`. */
  pushBlob(
    blob: Omit<Descriptor, "mediaType">,
    content: () => AsyncIterable<Uint8Array>,
    onBytes?: (bytes: number) => void,
  ): Promise<void> {
    return uploadWhole(this.#peer(), blob, content, onBytes);
  }

  /** Uploads a blob whose digest is known only at its end. @param content Gives the same each time. @throws as {@link pushBlob}. */
  streamBlob(content: () => AsyncIterable<Uint8Array>): Promise<Omit<Descriptor, "mediaType">> {
    return uploadStreaming(this.#peer(), content);
  }

  /** Takes a blob from another repository of the registry; false when the registry does not do so. */
  mountBlob(digest: string, from: string): Promise<boolean> {
    return mountBlob(this.#peer(), digest, from);
  }

  /** @param name A tag or a digest. @returns whether the registry lists it by its subject, if it has one. */
  async pushManifest(name: string, mediaType: string, bytes: Uint8Array): Promise<boolean> {
    const headers = { "content-type": mediaType, "content-length": bytes.length };
    return this.#repeat(async () => {
      const request = { method: "PUT", headers, body: bytes };
      const answer = await this.#ask(this.#pushHost(), `manifests/${name}`, request, "pull,push");
      answer.resume();
      return answer.headers["oci-subject"] !== undefined;
    });
  }

  #peer(): UploadPeer {
    const host = this.#pushHost();
    const url = (path: string): URL => new URL(`${host.base}/${this.#reference.repository}/${path}`);
    return {
      url,
      ask: (place, request) => this.#askUrl(host, typeof place === "string" ? url(place) : place, request, "pull,push"),
      repeat: (work) => this.#repeat(work),
    };
  }

  #pushHost(): RegistryHost {
    const host = this.#hosts.find((candidate) => candidate.canPush);
    if (host === undefined)
      throw new TsukubeError("unavailable", `Cannot push to "${this.#reference.registry}": no host of it takes pushes`);
    return host;
  }

  /** Asks host after host; the error of the last one counts. */
  async #fromAny<T>(hosts: readonly RegistryHost[], ask: (host: RegistryHost) => Promise<T>): Promise<T> {
    let last: unknown;
    for (const host of hosts) {
      try {
        return await (host.mirror ? ask(host) : this.#repeat(() => ask(host)));
      } catch (error) {
        last = error;
        if (this.#signal?.aborted === true) break;
      }
    }
    throw last;
  }

  async #repeat<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (attempt >= ATTEMPTS || !REPEATABLE.has(codeOf(error) ?? "") || this.#signal?.aborted === true) throw error;
        await this.#pause(attempt);
      }
    }
  }

  #pause(attempt: number): Promise<void> {
    const { clock, random, backoffMs = 500 } = this.#options;
    return clock.sleep(backoffMs * 2 ** (attempt - 1) * (0.75 + random.float() / 2), this.#signal);
  }

  #ask(host: RegistryHost, path: string, request: HttpRequest, actions: string): Promise<IncomingMessage> {
    const url = new URL(`${host.base}/${this.#reference.repository}/${path}`);
    if (host.mirror) url.searchParams.set("ns", this.#reference.registry);
    return this.#askUrl(host, url, request, actions);
  }

  /** The answer, if it is a good one. */
  async #askUrl(host: RegistryHost, url: URL, request: HttpRequest, actions: string): Promise<IncomingMessage> {
    const trust = this.#trust(host);
    const registryToken = this.#credentials.registryToken ?? "";
    const scope = `repository:${this.#reference.repository}:${actions}`;
    // a mirror is another party: the registry's credentials are not for it
    const use = { base: host.base, scope, credentials: host.mirror ? {} : this.#credentials };
    const send = (): Promise<IncomingMessage> => {
      const token = this.#tokens.get(use) ?? (registryToken === "" ? "" : `Bearer ${registryToken}`);
      const authorization = token !== "" && url.origin === new URL(host.base).origin ? { authorization: token } : {};
      return exchange(url, { ...request, headers: { ...request.headers, ...authorization } }, trust);
    };
    let response = await send();
    if (response.statusCode === 401) {
      response.resume();
      this.#tokens.forget(use);
      const answer = await authorize(response.headers["www-authenticate"] ?? "", { scope }, use.credentials, trust);
      if (answer !== undefined) {
        this.#tokens.put(use, answer);
        response = await send();
      }
    }
    return good(response, url, trust);
  }

  #trust(host: RegistryHost): HttpTrust {
    return {
      skipVerify: host.skipVerify,
      clock: this.#options.clock,
      stallMs: this.#options.stallMs ?? 30_000,
      ...(host.ca === undefined ? {} : { ca: host.ca }),
      ...(this.#signal === undefined ? {} : { signal: this.#signal }),
    };
  }
}

function tagsIn(body: Buffer): readonly string[] {
  try {
    const { tags } = JSON.parse(body.toString("utf8")) as { readonly tags?: unknown };
    if (tags === null) return []; // of a repository whose tags are gone
    if (Array.isArray(tags) && tags.every((tag) => typeof tag === "string")) return tags;
  } catch {} // said below
  throw new TsukubeError("unavailable", "Cannot list tags: the registry's answer has none, expected a list");
}

/** Of a link to the next page (OCI distribution spec, "Listing Tags"): `</v2/app/tags/list?last=b&n=2>; rel="next"`. */
function nextQuery(link: string | string[] | undefined): string | undefined {
  return /<[^>]*?(\?[^>]*)>\s*;\s*rel="?next"?/.exec([link].flat().join(","))?.[1];
}

async function good(response: IncomingMessage, url: URL, trust: HttpTrust): Promise<IncomingMessage> {
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return response;
  throw refusal(status, url, messageIn(await readAll(response, trust).catch(() => Buffer.alloc(0))));
}

function refusal(status: number, url: URL, message: string): TsukubeError {
  const said = message === "" ? "" : `: ${message}`;
  const what = `${url.origin}${url.pathname}`;
  if (status === 404) return new TsukubeError("not-found", `Cannot find "${what}": not found${said}`);
  if (status === 401 || status === 403) {
    return new TsukubeError(
      "unauthorized",
      `Cannot access "${what}": unauthorized (${status})${said}; it may not exist, or may need credentials`,
    );
  }
  const code = PASSING.has(status) ? "unavailable" : "refused";
  return new TsukubeError(code, `Cannot access "${what}": the registry answered ${status}${said}`);
}

/** The words of an error document (distribution spec, error codes). */
function messageIn(body: Buffer): string {
  try {
    const { errors } = JSON.parse(body.toString("utf8")) as { errors?: readonly { message?: string; code?: string }[] };
    return (errors ?? []).map((error) => error.message ?? error.code ?? "").join("; ");
  } catch {
    return body.toString("utf8", 0, 200).trim();
  }
}
