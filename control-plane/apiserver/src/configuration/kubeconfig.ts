import { readFileSync } from "node:fs";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import { dirname, resolve } from "node:path";
import { decodeYamlUnstructured, formatDuration } from "@tsukube/api";
import { type Clock, TsukubeError, withinTime } from "@tsukube/foundation";
import { limitedBody } from "./limited-body.ts";

type Values = Readonly<Record<string, string | boolean>>;

/** Who asks. */
export interface Credentials {
  readonly tls: Readonly<Record<string, string>>;
  /** Asked for at each request: tokens in files are renewed. */
  headers(): Readonly<Record<string, string>>;
}

/** A server that is asked, and as whom. */
export interface WebhookTarget extends Omit<Credentials, "tls"> {
  readonly url: URL;
  readonly tls: Values;
  /** How long it is waited for; as long as upstream's webhooks without it. */
  readonly timeoutMs?: number;
}

interface Content {
  readonly "current-context"?: string;
  readonly clusters?: readonly { readonly name: string; readonly cluster: Values }[] | null;
  readonly users?: readonly { readonly name: string; readonly user?: Values | null }[] | null;
  readonly contexts?:
    | readonly { readonly name: string; readonly context: { readonly cluster: string; readonly user?: string } }[]
    | null;
}

/** Of each request, as upstream's webhooks have it. */
const TIMEOUT_S = 30;

/** What a kubeconfig says of a server that is asked. Files that it names are relative to it. */
export class Kubeconfig {
  readonly #content: Content;
  readonly #folder: string;

  /** @param path Where it lies. @throws {TsukubeError} `invalid`. */
  constructor(text: string, path = "kubeconfig") {
    const { object } = decodeYamlUnstructured<Content | null>(Buffer.from(text));
    this.#content = object ?? {};
    this.#folder = dirname(resolve(path));
    const wrong = (this.#content.users ?? []).find(({ user }) => user?.["exec"] !== undefined);
    if (wrong !== undefined)
      throw new TsukubeError(
        "invalid",
        `Cannot use kubeconfig "${path}": user "${wrong.name}" has exec, expected a certificate, a token or a password`,
      );
  }

  static read(path: string): Kubeconfig {
    return new Kubeconfig(readFileSync(path, "utf8"), path);
  }

  /** That of the current context, or of the only one. @throws {TsukubeError} `invalid`. */
  target(timeoutMs: number = TIMEOUT_S * 1000): WebhookTarget {
    const { contexts, clusters } = this.#content;
    const context = (contexts?.find(({ name }) => name === this.#content["current-context"]) ?? contexts?.[0])?.context;
    const cluster = clusters?.find(({ name }) => name === context?.cluster)?.cluster;
    const server = cluster?.["server"];
    if (cluster === undefined || typeof server !== "string")
      throw new TsukubeError("invalid", "Cannot use a webhook: its kubeconfig names no server, expected one");
    const { tls, headers } = this.#credentials(context?.user ?? "");
    const ca = this.#pem(cluster, "certificate-authority");
    const { "tls-server-name": servername } = cluster;
    return {
      timeoutMs,
      url: asked(server, timeoutMs),
      tls: {
        ...tls,
        ...(ca !== undefined && { ca }),
        ...(typeof servername === "string" && { servername }),
        allowPartialTrustChain: true,
        ...(cluster["insecure-skip-tls-verify"] === true && { rejectUnauthorized: false }),
      },
      headers,
    };
  }

  /**
   * Those for a host and port: of the user of that name, of "*." and the end of it, of one without the port 443, of "*", and of the
   * current context.
   */
  credentialsFor(target: string): Credentials {
    const spellings = [target, ...(target.endsWith(":443") ? [target.slice(0, -":443".length)] : [])];
    const names = spellings.flatMap((text) => {
      const parts = text.split(".");
      return [text, ...parts.slice(1).map((_, index) => `*.${parts.slice(index + 1).join(".")}`)];
    });
    const { contexts, users } = this.#content;
    const context = contexts?.find(({ name }) => name === this.#content["current-context"])?.context;
    const found = [...names, "*"].find((name) => users?.some((user) => user.name === name));
    return this.#credentials(found ?? context?.user ?? "");
  }

  #credentials(name: string): Credentials {
    const user = this.#content.users?.find((one) => one.name === name)?.user ?? {};
    const parts = { cert: this.#pem(user, "client-certificate"), key: this.#pem(user, "client-key") };
    const given = Object.entries(parts).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return { tls: Object.fromEntries(given), headers: () => this.#headers(user) };
  }

  #headers(user: Values): Readonly<Record<string, string>> {
    const { token, tokenFile, username, password = "" } = user;
    if (typeof token === "string") return { authorization: `Bearer ${token}` };
    if (typeof tokenFile === "string")
      return { authorization: `Bearer ${readFileSync(resolve(this.#folder, tokenFile), "utf8").trim()}` };
    if (username === undefined) return {};
    return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` };
  }

  #pem(from: Values, name: string): string | undefined {
    const [data, file] = [from[`${name}-data`], from[name]];
    if (typeof data === "string") return Buffer.from(data, "base64").toString("utf8");
    return typeof file === "string" ? readFileSync(resolve(this.#folder, file), "utf8") : undefined;
  }
}

/** Without a last slash; whoever is asked learns how long it is waited for. */
function asked(server: string, timeoutMs: number): URL {
  const url = new URL(server);
  url.pathname = url.pathname.replace(/(?<=.)\/$/, "");
  url.searchParams.set("timeout", formatDuration(BigInt(Math.round(timeoutMs)) * 1_000_000n));
  return url;
}

export interface WebhookAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Asks the target, over a connection of its own. @throws the signal's reason, and what keeps it from answering in time. */
export function askTarget(
  { url, tls, headers, timeoutMs = TIMEOUT_S * 1000 }: WebhookTarget,
  body: Uint8Array,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<WebhookAnswer> {
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  const options = {
    method: "POST",
    headers: {
      ...{ accept: "application/json, */*", "content-type": "application/json", "content-length": body.length },
      ...headers(),
    },
    agent: false,
    ...tls,
  };
  const answered = (within: AbortSignal): Promise<WebhookAnswer> =>
    new Promise((done, reject) => {
      const sent = send(url, { ...options, signal: within }, (response) => {
        const { statusCode: status = 0, headers } = response;
        limitedBody(response).then((body) => done({ status, headers, body }), reject);
      });
      sent.on("error", reject);
      sent.end(body);
    });
  return withinTime(clock, timeoutMs, signal, answered);
}
