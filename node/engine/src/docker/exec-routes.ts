import { finished } from "node:stream/promises";
import { type Clock, codeOf, messageOf, TsukubeError } from "@tsukube/foundation";
import type { StreamedProcess } from "../streaming/streamed-process.ts";
import { type ExecDocument, isBusy } from "./containers/exec-store.ts";
import { startFailure } from "./containers/start-errors.ts";
import type { DockerAnswer, DockerDeps, DockerRequest, Route } from "./contracts.ts";
import type { Fields } from "./document-shape.ts";
import { connectClient } from "./hijack.ts";
import { frame, MULTIPLEXED, RAW } from "./stream-frames.ts";

interface StartDocument {
  readonly Detach?: boolean;
  readonly Tty?: boolean;
  readonly ConsoleSize?: readonly number[] | null;
}

const START_FIELDS: Fields<StartDocument> = { Detach: "boolean", Tty: "boolean", ConsoleSize: { listOf: "integer" } };
const EXEC_FIELDS: Fields<ExecDocument> = {
  AttachStdin: "boolean",
  AttachStdout: "boolean",
  AttachStderr: "boolean",
  DetachKeys: "string",
  Tty: "boolean",
  Env: { listOf: "string" },
  Cmd: { listOf: "string" },
  Privileged: "boolean",
  User: "string",
  WorkingDir: "string",
  ConsoleSize: { listOf: "integer" },
};

/** Create, start, resize and inspect commands in containers. */
export function execRoutes(deps: DockerDeps): readonly Route[] {
  return [
    { method: "POST", path: /^\/containers\/([^/]+)\/exec$/, handle: (request) => create(deps, request) },
    { method: "POST", path: /^\/exec\/([^/]+)\/start$/, handle: (request) => start(deps, request) },
    { method: "POST", path: /^\/exec\/([^/]+)\/resize$/, handle: (request) => resize(deps, request) },
    { method: "GET", path: /^\/exec\/([^/]+)\/json$/, handle: ({ parameters }) => inspect(deps, parameters[0] ?? "") },
  ];
}

async function create({ execs, dockerContainers }: DockerDeps, request: DockerRequest): Promise<DockerAnswer> {
  const container = dockerContainers.store.get(request.parameters[0] ?? "");
  const { id } = execs.create(container, await request.json<ExecDocument>(EXEC_FIELDS));
  return { status: 201, json: { Id: id } };
}

async function start({ execs, logger, clock }: DockerDeps, request: DockerRequest): Promise<DockerAnswer> {
  const [id = ""] = request.parameters;
  const { wish } = execs.get(id);
  const { Detach = false, ConsoleSize } = await request.json<StartDocument>(START_FIELDS);
  const [rows = 0, columns = 0] = ConsoleSize ?? [];
  const terminal = wish.Tty === true;
  const process = await begun(execs.start(id, rows > 0 && columns > 0 ? [columns, rows] : undefined), Detach);
  if ("refusal" in process) return refused(process.refusal, terminal);
  if (Detach) {
    process.stdin?.end();
    await untilItRuns(process, clock);
    return { status: 200 };
  }
  return {
    type: terminal ? RAW : MULTIPLEXED,
    async hijack(client) {
      const detachKeys = wish.DetachKeys || "ctrl-p,ctrl-q";
      const stdin = wish.AttachStdin === true;
      const outputs = [
        ...(wish.AttachStdout === true ? ["stdout" as const] : []),
        ...(wish.AttachStderr === true ? ["stderr" as const] : []),
      ];
      const outcome = await connectClient(process, client, { terminal, stdin, outputs, detachKeys });
      if (outcome === "left") logger.debug("a client left a command", { id });
      if (outcome === "detached") execs.noteDetached(id);
    },
  };
}

/** What is wrong with a command itself is said on its streams, as what it writes; what is wrong with the request is its answer. */
async function begun(
  started: Promise<StreamedProcess>,
  isDetached: boolean,
): Promise<StreamedProcess | { readonly refusal: string }> {
  try {
    return await started;
  } catch (error) {
    if (!isDetached && codeOf(error) === "exec-failed") return { refusal: messageOf(error) };
    if (isDetached || !["no-such-user", "create-failed", "failed"].includes(codeOf(error) ?? "")) throw error;
    return { refusal: startFailure(messageOf(error), "").error.message };
  }
}

const LOOK_MS = 2;

/** Nobody is there to read what it writes, but why it could not be started. @throws {TsukubeError} `invalid`. */
async function untilItRuns(process: StreamedProcess, clock: Clock): Promise<void> {
  const said: Buffer[] = [];
  const streams = [process.stdout, process.stderr].filter((stream) => stream !== undefined);
  for (const stream of streams)
    stream.on("error", () => {}).on("data", (part: Buffer) => void (process.pid?.() === 0 && said.push(part)));
  let isOver = false;
  const over = Promise.all([process.exited, ...streams.map((stream) => finished(stream))])
    .catch(() => {})
    .finally(() => (isOver = true));
  while (process.pid?.() === 0 && !isOver) await Promise.race([over, clock.sleep(LOOK_MS)]);
  if (process.pid?.() === 0) throw new TsukubeError("invalid", Buffer.concat(said).toString("utf8").trim());
}

function refused(message: string, terminal: boolean): DockerAnswer {
  const bytes = Buffer.from(`${message}\r\n`);
  return {
    type: terminal ? RAW : MULTIPLEXED,
    async hijack(client) {
      await client.write(terminal ? bytes : frame("stdout", bytes));
      client.end();
    },
  };
}

function resize({ execs }: DockerDeps, { parameters, query }: DockerRequest): DockerAnswer {
  const exec = execs.get(parameters[0] ?? "");
  exec.process?.resize(Number(query.get("w")), Number(query.get("h")));
  return { status: 200 };
}

function inspect({ execs }: DockerDeps, id: string): DockerAnswer {
  const exec = execs.get(id);
  const { wish } = exec;
  const [entrypoint = "", ...args] = wish.Cmd ?? [];
  return {
    status: 200,
    json: {
      ID: exec.id,
      Running: isBusy(exec),
      ExitCode: exec.exitCode ?? null,
      ProcessConfig: {
        tty: wish.Tty === true,
        entrypoint,
        arguments: args,
        privileged: wish.Privileged === true,
        ...(wish.User ? { user: wish.User } : {}),
      },
      OpenStdin: wish.AttachStdin === true,
      OpenStderr: wish.AttachStderr === true,
      OpenStdout: wish.AttachStdout === true,
      CanRemove: false,
      ContainerID: exec.containerId,
      DetachKeys: "",
      Pid: exec.process?.pid?.() ?? 0,
    },
  };
}
