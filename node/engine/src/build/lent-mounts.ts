import { chmod, chown, writeFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import type { BoundMount, BuildSession } from "./build-session.ts";
import { type Instruction, invalid } from "./dockerfile/instruction.ts";
import type { LentMount } from "./run-mounts.ts";

/**
 * Has a secret or an ssh agent at hand for one command; afterwards nothing of it is left.
 * @param work Gets undefined when the client lends none and the command can do without.
 * @throws {TsukubeError} `invalid` when it cannot.
 */
export async function withLent<T>(
  session: BuildSession,
  mount: LentMount,
  instruction: Instruction,
  work: (bound: BoundMount | undefined) => Promise<T>,
): Promise<T> {
  const { secrets, agents } = session.request.inputs;
  if (mount.type === "secret") {
    const secret = secrets.get(mount.id);
    if (secret !== undefined) return withSecret(session, mount, secret, work);
  } else {
    const agent = agents.get(mount.id);
    if (agent !== undefined) return withAgent(session, mount, agent, work);
  }
  if (!mount.required) return work(undefined);
  const flag = mount.type === "secret" ? `--secret id=${mount.id},src=FILE` : `--ssh ${mount.id}`;
  throw invalid(instruction.at, `RUN --mount=type=${mount.type} needs "${mount.id}", expected ${flag}`);
}

/** In memory: a secret reaches no disk. */
async function withSecret<T>(
  session: BuildSession,
  mount: Extract<LentMount, { type: "secret" }>,
  secret: Uint8Array,
  work: (bound: BoundMount) => Promise<T>,
): Promise<T> {
  const { target } = mount;
  const env = mount.env === undefined ? {} : { env: { name: mount.env, value: Buffer.from(secret).toString("utf8") } };
  if (target === undefined) return work(env);
  const folder = await session.temporary(async (created) => created);
  const { mounts } = session.deps;
  mounts.tmpfs(folder, { sizeBytes: secret.length + 64 * 1024 });
  try {
    const hostPath = `${folder}/secret`;
    await writeFile(hostPath, secret, { mode: 0o400 });
    await own(hostPath, mount);
    return await work({ mount: { hostPath, containerPath: target, readonly: true }, point: target, ...env });
  } finally {
    mounts.unmount(folder);
  }
}

/** Through a socket of its own: an agent answers only whoever started it, or root. */
async function withAgent<T>(
  session: BuildSession,
  mount: Extract<LentMount, { type: "ssh" }>,
  agent: string,
  work: (bound: BoundMount) => Promise<T>,
): Promise<T> {
  const { target } = mount;
  const hostPath = await session.temporary(async (folder) => `${folder}/agent`);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const upstream = connect(agent);
    for (const each of [socket, upstream]) {
      sockets.add(each);
      each.once("close", () => sockets.delete(each));
    }
    pipeline(socket, upstream, socket).catch(() => {}); // either side may go away
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(hostPath, resolve);
  });
  try {
    await own(hostPath, mount);
    return await work({
      mount: { hostPath, containerPath: target, readonly: false },
      point: target,
      env: { name: "SSH_AUTH_SOCK", value: target },
    });
  } finally {
    server.close();
    for (const socket of sockets) socket.destroy();
  }
}

async function own(path: string, { mode, uid, gid }: LentMount): Promise<void> {
  await chmod(path, mode);
  await chown(path, uid, gid);
}
