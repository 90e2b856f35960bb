import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { lutimes } from "node:fs/promises";
import { posix } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { TsukubeError } from "@tsukube/foundation";

export function isUrl(word: string): boolean {
  return /^https?:\/\//.test(word);
}

export function isGit(word: string): boolean {
  return /^(git@|git:\/\/|ssh:\/\/)/.test(word) || /^https?:\/\/[^?]+\.git([#?].*)?$/.test(word);
}

/** What a server has at a URL, as it comes. @throws {TsukubeError} `failed`. */
export async function opened(url: string, signal: AbortSignal): Promise<Readable> {
  return bodyOf(await answerOf(url, signal));
}

async function answerOf(url: string, signal: AbortSignal): Promise<Response> {
  const answer = await fetch(url, { signal }).catch((cause: Error) => {
    throw new TsukubeError("failed", `Cannot fetch "${url}": ${cause.message}`, { cause });
  });
  if (answer.ok && answer.body !== null) return answer;
  throw new TsukubeError("failed", `Cannot fetch "${url}": the server answers ${answer.status}, expected 200`);
}

function bodyOf({ body }: Response): Readable {
  return Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]);
}

/**
 * Fetches a file with mode 0600 and the server's time (Dockerfile reference, "ADD").
 * @param checksum "sha256:…". @returns its name in `folder`. @throws {TsukubeError} `failed`, `wrong-digest`.
 */
export async function download(
  url: string,
  folder: string,
  checksum: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const name = posix.basename(new URL(url).pathname) || "index";
  const answer = await answerOf(url, signal);
  const hash = createHash("sha256");
  const body = bodyOf(answer);
  body.on("data", (part: Buffer) => hash.update(part));
  await pipeline(body, createWriteStream(`${folder}/${name}`, { mode: 0o600 }), { signal });
  const digest = `sha256:${hash.digest("hex")}`;
  if (checksum !== undefined && checksum !== digest)
    throw new TsukubeError("wrong-digest", `Cannot use "${url}": its content is ${digest}, expected ${checksum}`);
  const time = (Date.parse(answer.headers.get("last-modified") ?? "") || 0) / 1000;
  await lutimes(`${folder}/${name}`, time, time);
  return name;
}
