import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { messageOf, TsukubeError } from "@tsukube/foundation";
import { type EngineAddress, EngineClient } from "../cluster/engine-client.ts";
import { filesOf } from "../cluster/paths.ts";
import type { CommandContext } from "./context.ts";

const PORTS = { plain: 2375, secure: 2376 } as const;

/** The engine of the cluster, or the one that the command or the environment names. */
export function clientOf({ paths, dockerHost }: Pick<CommandContext, "paths" | "dockerHost">): EngineClient {
  return new EngineClient(
    dockerHost === undefined ? filesOf(paths).dockerSocket : engineAddress(dockerHost, process.env),
  );
}

/**
 * As docker reads DOCKER_HOST, with DOCKER_TLS_VERIFY and DOCKER_CERT_PATH beside it.
 * @throws {TsukubeError} `usage`.
 */
export function engineAddress(text: string, env: NodeJS.ProcessEnv): EngineAddress {
  const [, socket] = /^unix:\/\/(\/.+)$/.exec(text) ?? [];
  if (socket !== undefined) return socket;
  const [, host, port] = /^(?:tcp|https?):\/\/(\[[\da-f:]+\]|[^\s:/[\]]+)(?::(\d{1,5}))?\/?$/i.exec(text) ?? [];
  if (host === undefined)
    throw new TsukubeError(
      "usage",
      `Cannot reach an engine at "${text}": expected unix:///PATH or tcp://HOST:PORT; over ssh, forward its socket with ssh -L`,
    );
  const isSecure = (env["DOCKER_TLS_VERIFY"] ?? "") !== "" || text.startsWith("https:");
  const place = { host: host.replace(/[[\]]/g, ""), port: Number(port ?? (isSecure ? PORTS.secure : PORTS.plain)) };
  if (!isSecure) return place;
  const folder = env["DOCKER_CERT_PATH"] || join(env["HOME"] ?? homedir(), ".docker");
  const read = (name: string): string => {
    try {
      return readFileSync(join(folder, name), "utf8");
    } catch (cause) {
      throw new TsukubeError(
        "usage",
        `Cannot reach an engine at "${text}" by certificates: ${messageOf(cause)}, expected ca.pem, cert.pem and key.pem in DOCKER_CERT_PATH`,
        { cause },
      );
    }
  };
  return { ...place, tls: { ca: read("ca.pem"), cert: read("cert.pem"), key: read("key.pem") } };
}
