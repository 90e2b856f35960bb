import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createSecureContext } from "node:tls";
import type { DockerHost } from "@tsukube/engine";
import { messageOf, TsukubeError } from "@tsukube/foundation";

/** Flags named as dockerd's. */
export interface DockerHostFlags {
  /** "tcp://127.0.0.1:2376". */
  readonly dockerHost?: string;
  /** Files. */
  readonly tlscacert?: string;
  readonly tlscert?: string;
  readonly tlskey?: string;
}

const PORT = 2376;

/** Where Docker's API is served over TCP, if anywhere. @throws {TsukubeError} `usage` where that would not be by certificates of both sides. */
export function dockerHostOf({ dockerHost, tlscacert, tlscert, tlskey }: DockerHostFlags): DockerHost | undefined {
  const files = [tlscacert, tlscert, tlskey];
  if (dockerHost === undefined && files.every((file) => file === undefined)) return undefined;
  const address = addressOf(dockerHost ?? "");
  const [ca, cert, key] = files.map((file) => (file === undefined ? undefined : textOf(file)));
  if (ca === undefined || cert === undefined || key === undefined)
    throw new TsukubeError(
      "usage",
      `Cannot serve Docker's API at "${dockerHost}": who reaches it is root on this machine, expected --tlscacert (whose certificates clients must have), --tlscert and --tlskey`,
    );
  try {
    createSecureContext({ ca, cert, key });
  } catch (cause) {
    throw new TsukubeError(
      "usage",
      `Cannot serve Docker's API at "${dockerHost}": ${messageOf(cause)}, expected PEM files, and the certificate's own key`,
      { cause },
    );
  }
  return { ...address, ca, cert, key };
}

/** The flags for a process that starts in another folder. */
export function argumentsOf({ dockerHost, tlscacert, tlscert, tlskey }: DockerHostFlags): readonly string[] {
  const files = Object.entries({ tlscacert, tlscert, tlskey });
  return [
    ...(dockerHost === undefined ? [] : ["--docker-host", dockerHost]),
    ...files.flatMap(([flag, file]) => (file === undefined ? [] : [`--${flag}`, resolve(file)])),
  ];
}

function addressOf(text: string): { readonly host: string; readonly port: number } {
  const [, host, port = String(PORT)] = /^tcp:\/\/(\[[\da-f:]+\]|[^\s:/[\]]+)(?::(\d{1,5}))?\/?$/i.exec(text) ?? [];
  if (host === undefined || Number(port) > 65_535)
    throw new TsukubeError(
      "usage",
      `Cannot serve Docker's API at "${text}": expected a --docker-host like tcp://127.0.0.1:${PORT}; --docker-socket is for unix sockets`,
    );
  return { host: host.replace(/[[\]]/g, ""), port: Number(port) };
}

function textOf(file: string): string {
  if (existsSync(file)) return readFileSync(file, "utf8");
  throw new TsukubeError("usage", `Cannot read "${file}": there is no such file`);
}
