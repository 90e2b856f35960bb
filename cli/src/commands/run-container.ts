import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { TsukubeError } from "@tsukube/foundation";

/** Flags of `tsukube run` and `tsukube create`, named as docker's. */
export interface RunOptions {
  readonly detach?: boolean;
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly rm?: boolean;
  readonly name?: string;
  readonly publish: readonly string[];
  readonly publishAll?: boolean;
  readonly volume: readonly string[];
  readonly env: readonly string[];
  readonly envFile: readonly string[];
  readonly label: readonly string[];
  readonly network?: string;
  readonly networkAlias: readonly string[];
  readonly restart?: string;
  readonly entrypoint?: string;
  readonly workdir?: string;
  readonly user?: string;
  readonly hostname?: string;
  readonly memory?: string;
  readonly cpus?: string;
  readonly init?: boolean;
  readonly readOnly?: boolean;
  readonly privileged?: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
}

/** Pure but for files that flags name: the body of `POST /containers/create`. @throws {TsukubeError} `usage`. */
export function createDocument(image: string, command: readonly string[], options: RunOptions): object {
  const { detach = false, interactive = false, tty = false, network, restart = "no" } = options;
  const ports = options.publish.flatMap(publishedPorts);
  const [policy = "no", retries = "0"] = restart.split(":");
  const attached = !detach;
  return {
    Image: image,
    ...(command.length > 0 ? { Cmd: command } : {}),
    ...(options.entrypoint === undefined ? {} : { Entrypoint: [options.entrypoint] }),
    ...{ Tty: tty, OpenStdin: interactive, StdinOnce: interactive && attached },
    ...{ AttachStdin: interactive && attached, AttachStdout: attached, AttachStderr: attached },
    Env: [...options.envFile.flatMap(linesOf), ...options.env].flatMap(withValue),
    Labels: Object.fromEntries(options.label.map((label) => splitOnce(label, "="))),
    ...{ WorkingDir: options.workdir ?? "", User: options.user ?? "", Hostname: options.hostname ?? "" },
    ExposedPorts: Object.fromEntries(ports.map(({ port }) => [port, {}])),
    HostConfig: {
      Binds: options.volume.map(bind),
      PortBindings: Object.fromEntries(
        ports.map(({ port }) => [port, ports.filter((other) => other.port === port).map(({ binding }) => binding)]),
      ),
      PublishAllPorts: options.publishAll === true,
      NetworkMode: network ?? "default",
      RestartPolicy: { Name: policy, MaximumRetryCount: Number(retries) },
      AutoRemove: options.rm === true,
      Memory: options.memory === undefined ? 0 : bytesOf(options.memory),
      NanoCpus: options.cpus === undefined ? 0 : Math.round(Number(options.cpus) * 1e9),
      ...(options.init === true ? { Init: true } : {}),
      ReadonlyRootfs: options.readOnly === true,
      Privileged: options.privileged === true,
      ...{ CapAdd: options.capAdd, CapDrop: options.capDrop },
      ...(tty && process.stdout.rows > 0 ? { ConsoleSize: [process.stdout.rows, process.stdout.columns] } : {}),
    },
    NetworkingConfig: {
      EndpointsConfig: network === undefined ? {} : { [network]: { Aliases: options.networkAlias } },
    },
  };
}

/** "8080:80", "127.0.0.1:8080:80/udp", "80". */
function publishedPorts(text: string): readonly { readonly port: string; readonly binding: object }[] {
  const [address = "", protocol = "tcp"] = text.split("/");
  const parts = address.split(":");
  const inside = parts.pop() ?? "";
  const outside = parts.pop() ?? "";
  if (!/^\d+$/.test(inside) || !/^(\d+(-\d+)?)?$/.test(outside))
    throw new TsukubeError(
      "usage",
      `Cannot publish "${text}": expected a form like 8080:80, 127.0.0.1:8080:80 or 53:53/udp`,
    );
  return [{ port: `${inside}/${protocol}`, binding: { HostIp: parts.join(":"), HostPort: outside } }];
}

/** Paths of the host may be relative to the present folder. */
function bind(text: string): string {
  const [source = "", ...rest] = text.split(":");
  return source.startsWith(".") ? [resolve(source), ...rest].join(":") : text;
}

function linesOf(file: string): readonly string[] {
  if (!existsSync(file)) throw new TsukubeError("usage", `Cannot read variables from "${file}": no such file`);
  const lines = readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.trimStart());
  return lines.filter((line) => line !== "" && !line.startsWith("#"));
}

/** "NAME" alone takes the value that it has here. */
function withValue(entry: string): readonly string[] {
  if (entry.includes("=")) return [entry];
  const value = process.env[entry];
  return value === undefined ? [] : [`${entry}=${value}`];
}

function splitOnce(text: string, sign: string): readonly [string, string] {
  const at = text.indexOf(sign);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

const UNITS: Readonly<Record<string, number>> = { "": 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

function bytesOf(text: string): number {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)([bkmg]?)b?$/i.exec(text) ?? [];
  if (number === undefined)
    throw new TsukubeError("usage", `Cannot limit memory to "${text}": expected a form like 512m`);
  return Math.round(Number(number) * (UNITS[unit.toLowerCase()] ?? 1));
}
