import { request } from "node:http";
import { pipeline } from "node:stream/promises";

export interface DockerReply {
  readonly status: number;
  readonly text: string;
  /** The lines of a stream of messages. */
  readonly messages: readonly {
    readonly stream?: string;
    readonly error?: string;
    readonly aux?: { readonly ID: string };
  }[];
}

/** Asks an Engine API on a unix socket. */
export async function askDocker(
  socketPath: string,
  method: string,
  path: string,
  body?: AsyncIterable<Uint8Array>,
): Promise<DockerReply> {
  const outgoing = request({ socketPath, method, path });
  const answered = new Promise<DockerReply>((resolve, reject) => {
    outgoing.once("error", reject);
    outgoing.once("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.once("close", () => response.complete || reject(new Error("aborted: the engine is gone")));
      response.once("end", () => resolve(replyOf(response.statusCode ?? 0, text)));
    });
  });
  if (body === undefined) outgoing.end();
  else pipeline(body, outgoing).catch(() => {}); // an early answer says why, and nobody reads the rest
  return answered;
}

function replyOf(status: number, text: string): DockerReply {
  const lines = text.split("\n").filter((line) => line.startsWith("{"));
  return { status, text, messages: lines.map((line) => JSON.parse(line) as DockerReply["messages"][number]) };
}
