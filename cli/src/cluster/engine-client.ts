import { type ClientRequest, type IncomingMessage, type RequestOptions, request } from "node:http";
import { request as secureRequest } from "node:https";
import type { Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { formatReference, parseReference } from "@tsukube/engine/reference";
import { codeOf, TsukubeError } from "@tsukube/foundation";

/** A line of a stream of the Engine API: output of a build, or how far a layer is. */
export interface EngineMessage {
  readonly stream?: string;
  readonly status?: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly aux?: { readonly ID?: string; readonly Output?: string };
  readonly error?: string;
}

/** Headers of a request, such as those that carry logins. */
export type EngineHeaders = Readonly<Record<string, string>>;

export interface EngineImage {
  readonly Id: string;
  readonly RepoTags: readonly string[];
  /** Seconds since the epoch. */
  readonly Created: number;
  /** Bytes. */
  readonly Size: number;
}

/** A unix socket, or a port, with the certificates of both sides or for who trusts the network. */
export type EngineAddress =
  | string
  | {
      readonly host: string;
      readonly port: number;
      readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
    };

/** A client of the engine's Docker API. Failures throw `TsukubeError` with the engine's message. */
export class EngineClient {
  readonly #address: EngineAddress;

  constructor(address: EngineAddress) {
    this.#address = address;
  }

  async images(): Promise<readonly EngineImage[]> {
    return JSON.parse(await textOf(await this.#send("GET", "/images/json"))) as readonly EngineImage[];
  }

  /** @param context A tar archive; undefined for one that the query names. @param query As `POST /build` of the Engine API has it. @returns the image's id. */
  async build(
    context: AsyncIterable<Uint8Array> | undefined,
    query: URLSearchParams,
    headers: EngineHeaders,
    onMessage: (message: EngineMessage) => void,
  ): Promise<string> {
    let id = "";
    const show = (message: EngineMessage): void => {
      id = message.aux?.ID ?? id;
      onMessage(message);
    };
    await this.#stream("POST", `/build?${query}`, context, show, headers);
    return id;
  }

  /** Sends a folder for a build that is to follow. @param archive A tar archive, of the folder or of an image. @returns its id, for `POST /build?context=`. */
  async sendContext(archive: AsyncIterable<Uint8Array>, isImage: boolean): Promise<string> {
    const text = await textOf(await this.#send("POST", `/build/contexts?image=${isImage}`, archive));
    return (JSON.parse(text) as { readonly Id: string }).Id;
  }

  /** @param platform "linux/arm64"; this machine's by default. */
  pull(
    name: string,
    headers: EngineHeaders,
    onMessage: (message: EngineMessage) => void,
    platform?: string,
  ): Promise<void> {
    const query = { fromImage: wholeName(name), ...(platform === undefined ? {} : { platform }) };
    const path = `/images/create?${new URLSearchParams(query)}`;
    return this.#stream("POST", path, undefined, onMessage, headers);
  }

  push(name: string, headers: EngineHeaders, onMessage: (message: EngineMessage) => void): Promise<void> {
    return this.#stream("POST", `/images/${encodeURIComponent(wholeName(name))}/push`, undefined, onMessage, headers);
  }

  load(archive: AsyncIterable<Uint8Array>, onMessage: (message: EngineMessage) => void): Promise<void> {
    return this.#stream("POST", "/images/load", archive, onMessage);
  }

  /** The images as one tar archive. */
  save(names: readonly string[]): Promise<Readable> {
    return this.#send("GET", `/images/get?${new URLSearchParams(names.map((name) => ["names", name]))}`);
  }

  async tag(name: string, repository: string, tag: string): Promise<void> {
    const query = new URLSearchParams({ repo: repository, tag });
    await textOf(await this.#send("POST", `/images/${encodeURIComponent(name)}/tag?${query}`));
  }

  /** @returns what was untagged and deleted, a line each. */
  async remove(name: string): Promise<readonly string[]> {
    const text = await textOf(await this.#send("DELETE", `/images/${encodeURIComponent(name)}`));
    const changes = JSON.parse(text) as readonly { readonly Untagged?: string; readonly Deleted?: string }[];
    return changes.map(({ Untagged, Deleted }) =>
      Untagged === undefined ? `Deleted: ${Deleted}` : `Untagged: ${Untagged}`,
    );
  }

  /** Any other endpoint. @returns the answer's document; undefined where it has none. */
  async call<T>(method: string, path: string, body?: object): Promise<T | undefined> {
    const bytes =
      body === undefined
        ? undefined
        : (async function* () {
            yield Buffer.from(JSON.stringify(body));
          })();
    const text = await textOf(await this.#send(method, path, bytes, "application/json"));
    return text.trim() === "" ? undefined : (JSON.parse(text) as T);
  }

  /** An answer that is no document. */
  bytes(path: string): Promise<IncomingMessage> {
    return this.#send("GET", path);
  }

  /** Connects to the streams of a container or command. */
  open(path: string, body: object = {}): Promise<Duplex> {
    const text = JSON.stringify(body);
    const headers = {
      ...{ Connection: "Upgrade", Upgrade: "tcp", "Content-Type": "application/json" },
      "Content-Length": Buffer.byteLength(text),
    };
    const outgoing = this.#request({ method: "POST", path, headers });
    return new Promise((resolve, reject) => {
      outgoing.once("error", (error) => reject(this.#unreachable(error)));
      outgoing.once("upgrade", (_, socket, head) => {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      outgoing.once("response", (answer) => {
        textOf(answer).then((said) => reject(new TsukubeError("refused", messageIn(said))), reject);
      });
      outgoing.end(text);
    });
  }

  async #stream(
    method: string,
    path: string,
    body: AsyncIterable<Uint8Array> | undefined,
    onMessage: (message: EngineMessage) => void,
    headers: EngineHeaders = {},
  ): Promise<void> {
    let rest = "";
    for await (const part of (await this.#send(method, path, body, "application/x-tar", headers)).setEncoding("utf8")) {
      const lines = `${rest}${part}`.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line.trim() !== "") deliver(JSON.parse(line) as EngineMessage, onMessage);
    }
    if (rest.trim() !== "") deliver(JSON.parse(rest) as EngineMessage, onMessage);
  }

  async #send(
    method: string,
    path: string,
    body?: AsyncIterable<Uint8Array>,
    type = "application/x-tar",
    more: EngineHeaders = {},
  ): Promise<IncomingMessage> {
    const headers = { ...more, ...(body === undefined ? {} : { "Content-Type": type }) };
    const outgoing = this.#request({ method, path, headers });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once("response", resolve);
      outgoing.once("error", (error) => reject(this.#unreachable(error)));
    });
    // an answer may come before the whole body is sent: a refusal, which says more than the broken pipe
    const sent = body === undefined ? void outgoing.end() : pipeline(body, outgoing);
    const answer = await Promise.race([answered, Promise.resolve(sent).then(() => answered)]);
    Promise.resolve(sent).catch(() => {});
    if ((answer.statusCode ?? 500) < 400) return answer;
    throw new TsukubeError("refused", messageIn(await textOf(answer)));
  }

  #request(options: RequestOptions): ClientRequest {
    const address = this.#address;
    if (typeof address === "string") return request({ ...options, socketPath: address });
    const { tls, ...place } = address;
    return tls === undefined ? request({ ...options, ...place }) : secureRequest({ ...options, ...place, ...tls });
  }

  #unreachable(error: Error): Error {
    const missing = ["ENOENT", "ECONNREFUSED"].includes(codeOf(error) ?? "");
    if (!missing) return error;
    const address = this.#address;
    const where = typeof address === "string" ? address : `${address.host}:${address.port}`;
    return new TsukubeError(
      "not-running",
      `Cannot reach the engine at ${where}: it does not run, expected a cluster with a node, or the engine alone; start it with "tsukube up" or "tsukube engine"`,
      { cause: error },
    );
  }
}

function deliver(message: EngineMessage, onMessage: (message: EngineMessage) => void): void {
  if (message.error !== undefined) throw new TsukubeError("refused", message.error);
  onMessage(message);
}

/** With a tag: a name without one stands for every tag. */
function wholeName(name: string): string {
  return formatReference(parseReference(name));
}

async function textOf(answer: Readable): Promise<string> {
  let text = "";
  for await (const part of answer.setEncoding("utf8")) text += part;
  return text;
}

function messageIn(text: string): string {
  try {
    return (JSON.parse(text) as { readonly message: string }).message;
  } catch {
    return text;
  }
}
