import { TsukubeError } from "@tsukube/foundation";
import type { EngineClient } from "../cluster/engine-client.ts";
import { transferHeaders } from "../registry/login-headers.ts";
import { connectStreams, forward } from "./container-streams.ts";
import type { CommandContext } from "./context.ts";
import { clientOf } from "./engine-address.ts";
import { createDocument, type RunOptions } from "./run-container.ts";
import { table } from "./table.ts";

interface Summary {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Image: string;
  readonly Command: string;
  readonly Status: string;
  readonly Ports: readonly {
    readonly IP?: string;
    readonly PublicPort?: number;
    readonly PrivatePort: number;
    readonly Type: string;
  }[];
}

interface Details {
  readonly Id: string;
  readonly Config: { readonly Tty: boolean; readonly OpenStdin: boolean };
  readonly State: { readonly Running: boolean };
}

/** `tsukube run IMAGE [COMMAND…]`: a container, with its streams unless it is detached. Its exit code becomes ours. */
export async function runContainer(
  context: CommandContext,
  image: string,
  command: readonly string[],
  options: RunOptions,
): Promise<void> {
  const { detach = false, interactive = false, tty = false, rm = false } = options;
  const client = clientOf(context);
  const id = await created(context, client, image, createDocument(image, command, options), options);
  const path = `/containers/${id}`;
  if (detach) {
    await client.call("POST", `${path}/start`);
    return context.print(id);
  }
  const streams = `stream=1&stdout=1&stderr=1${interactive ? "&stdin=1" : ""}`;
  const connection = await client.open(`${path}/attach?${streams}`);
  const ended = client.call<{ StatusCode: number }>("POST", `${path}/wait?condition=${rm ? "removed" : "next-exit"}`);
  try {
    await client.call("POST", `${path}/start`);
  } catch (error) {
    connection.destroy();
    ended.catch(() => {});
    process.exitCode = /executable file not found|no such file/.test(String(error)) ? 127 : 126;
    process.stderr.write(`tsukube: ${(error as Error).message}\n`);
    return;
  }
  await connectStreams(connection, { terminal: tty, stdin: interactive, resize: resizing(client, path) });
  process.exitCode = (await ended)?.StatusCode ?? 0;
}

/** `tsukube create IMAGE [COMMAND…]`. */
export async function createContainer(
  context: CommandContext,
  image: string,
  command: readonly string[],
  options: RunOptions,
): Promise<void> {
  context.print(await created(context, clientOf(context), image, createDocument(image, command, options), options));
}

/** Pulls the image where it is missing. */
async function created(
  context: CommandContext,
  client: EngineClient,
  image: string,
  document: object,
  { name, platform }: RunOptions,
): Promise<string> {
  const query = { ...(name === undefined ? {} : { name }), ...(platform === undefined ? {} : { platform }) };
  const path = `/containers/create?${new URLSearchParams(query)}`;
  const create = async (): Promise<string> => {
    const made = await client.call<{ Id: string; Warnings?: readonly string[] | null }>("POST", path, document);
    for (const warning of made?.Warnings ?? []) process.stderr.write(`tsukube: warning: ${warning}\n`);
    return made?.Id ?? "";
  };
  try {
    return await create();
  } catch (error) {
    if (!String(error).includes("No such image")) throw error;
    const headers = await transferHeaders(image);
    await context.progress.step(`pulling ${image}`, () => client.pull(image, headers, () => {}, platform));
    return create();
  }
}

/** `tsukube ps [-a]`. */
export async function listContainers(context: CommandContext, all: boolean, quiet: boolean): Promise<void> {
  const found = (await clientOf(context).call<readonly Summary[]>("GET", `/containers/json?all=${all ? 1 : 0}`)) ?? [];
  if (quiet) {
    for (const { Id } of found) context.print(Id.slice(0, 12));
    return;
  }
  const rows = found.map(({ Id, Names, Image, Command, Status, Ports }) => [
    ...[Id.slice(0, 12), (Names[0] ?? "").slice(1), Image, Command.length > 30 ? `${Command.slice(0, 29)}…` : Command],
    ...[Status, Ports.map(portText).join(", ")],
  ]);
  for (const line of table([["ID", "NAME", "IMAGE", "COMMAND", "STATUS", "PORTS"], ...rows])) context.print(line);
}

function portText({ IP, PublicPort, PrivatePort, Type }: Summary["Ports"][number]): string {
  return PublicPort === undefined ? `${PrivatePort}/${Type}` : `${IP}:${PublicPort}->${PrivatePort}/${Type}`;
}

export interface ExecOptions {
  readonly detach?: boolean;
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly env: readonly string[];
  readonly user?: string;
  readonly workdir?: string;
}

/** `tsukube exec CONTAINER COMMAND…`: its exit code becomes ours. */
export async function execInContainer(
  context: CommandContext,
  container: string,
  command: readonly string[],
  { detach = false, interactive = false, tty = false, env, user = "", workdir = "" }: ExecOptions,
): Promise<void> {
  const client = clientOf(context);
  const { rows = 0, columns = 0 } = process.stdout;
  const { Id = "" } =
    (await client.call<{ Id: string }>("POST", `/containers/${encodeURIComponent(container)}/exec`, {
      ...{ Cmd: command, Env: env, User: user, WorkingDir: workdir, Tty: tty },
      ...{ AttachStdin: interactive && !detach, AttachStdout: !detach, AttachStderr: !detach },
      ...(tty && rows > 0 ? { ConsoleSize: [rows, columns] } : {}),
    })) ?? {};
  const path = `/exec/${Id}`;
  if (detach) return void (await client.call("POST", `${path}/start`, { Detach: true }));
  const connection = await client.open(`${path}/start`, { Detach: false, Tty: tty });
  await connectStreams(connection, { terminal: tty, stdin: interactive, resize: resizing(client, path) });
  process.exitCode = (await client.call<{ ExitCode: number | null }>("GET", `${path}/json`))?.ExitCode ?? 0;
}

/** `tsukube attach CONTAINER`. */
export async function attachToContainer(context: CommandContext, container: string): Promise<void> {
  const client = clientOf(context);
  const path = `/containers/${encodeURIComponent(container)}`;
  const { Config, State } = await detailsOf(client, container);
  if (!State.Running)
    throw new TsukubeError(
      "wrong-state",
      `Cannot attach to "${container}": it does not run, expected a running one; start it first`,
    );
  const stdin = Config.OpenStdin ? "&stdin=1" : "";
  const connection = await client.open(`${path}/attach?stream=1&stdout=1&stderr=1${stdin}`);
  await connectStreams(connection, { terminal: Config.Tty, stdin: Config.OpenStdin, resize: resizing(client, path) });
  process.exitCode = (await client.call<{ StatusCode: number }>("POST", `${path}/wait`))?.StatusCode ?? 0;
}

/** What a container has written. @param lines Only the last; all by default. */
export async function containerLogs(
  context: CommandContext,
  container: string,
  follow: boolean,
  lines: number | undefined,
): Promise<void> {
  const client = clientOf(context);
  const { Config } = await detailsOf(client, container);
  const query = new URLSearchParams({
    stdout: "1",
    stderr: "1",
    follow: follow ? "1" : "0",
    tail: String(lines ?? "all"),
  });
  await forward(await client.bytes(`/containers/${encodeURIComponent(container)}/logs?${query}`), Config.Tty);
}

/** start, stop, restart, kill, pause, unpause, rm: one after the other; the names of those that it was done to are printed. */
export async function eachContainer(
  context: CommandContext,
  names: readonly string[],
  method: "POST" | "DELETE",
  action: string,
): Promise<void> {
  const client = clientOf(context);
  for (const name of names) {
    await client.call(method, `/containers/${encodeURIComponent(name)}${action}`);
    context.print(name);
  }
}

/** `tsukube inspect CONTAINER…`, as JSON. */
export async function inspectContainers(context: CommandContext, names: readonly string[]): Promise<void> {
  const client = clientOf(context);
  const found: unknown[] = [];
  for (const name of names) found.push(await client.call("GET", `/containers/${encodeURIComponent(name)}/json`));
  context.print(JSON.stringify(found, undefined, 2));
}

async function detailsOf(client: EngineClient, container: string): Promise<Details> {
  return (await client.call<Details>("GET", `/containers/${encodeURIComponent(container)}/json`)) as Details;
}

function resizing(client: EngineClient, path: string) {
  return (columns: number, rows: number) => client.call("POST", `${path}/resize?h=${rows}&w=${columns}`);
}
