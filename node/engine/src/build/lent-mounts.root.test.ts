import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildContext } from "../docker/build-context.ts";
import { askDocker } from "../docker/docker-client-under-test.ts";
import { EngineUnderTest } from "../engine-under-test.ts";
import type { BuildSession } from "./build-session.ts";
import type { Instruction } from "./dockerfile/instruction.ts";
import { withLent } from "./lent-mounts.ts";

const SECRET = "correct horse battery staple";

describe.skipIf(process.getuid?.() !== 0)("secrets and agents in builds (need root)", () => {
  const engine = new EngineUnderTest();
  const agent = join(engine.folder, "agent.sock");
  let server: Server;
  let contexts = 0;
  beforeAll(async () => {
    await engine.start();
    server = createServer((socket) => {
      socket.on("data", (question) => socket.write(`answer to ${question}`));
      socket.on("error", () => {});
    });
    await new Promise<void>((resolve) => server.listen(agent, resolve));
  }, 60_000);
  afterAll(async () => {
    server.close();
    await engine.close();
  }, 60_000);

  async function build(lines: readonly string[], inputs?: object) {
    const folder = join(engine.folder, `lent-${++contexts}`);
    mkdirSync(folder);
    writeFileSync(join(folder, "Dockerfile"), ["FROM tsukube.local/busybox", ...lines].join("\n"));
    const body = (async function* () {
      yield Buffer.from(JSON.stringify(inputs));
    })();
    const put = inputs === undefined ? undefined : await askDocker(engine.dockerSocket, "POST", "/build/inputs", body);
    const id = put === undefined ? "" : (JSON.parse(put.text) as { Id: string }).Id;
    const path = `/build?t=lent&inputs=${id}`;
    const { messages, text } = await askDocker(engine.dockerSocket, "POST", path, buildContext(folder, "Dockerfile"));
    const output = messages.map(({ stream = "", error = "" }) => stream + error).join("");
    return { output: output === "" ? text : output, id };
  }

  const secrets = (value: string) => ({ secrets: { token: Buffer.from(value).toString("base64") } });

  test("a command reads a secret as a file and as a variable, with mode and owner; the image and the disk have nothing of it", async () => {
    const { output } = await build(
      [
        "RUN --mount=type=secret,id=token cat /run/secrets/token; stat -c ' %a %u' /run/secrets/token",
        "RUN --mount=type=secret,id=token,target=/etc/t,uid=5,gid=6,mode=0440 stat -c '%a %u %g' /etc/t; wc -c < /etc/t",
        "RUN --mount=type=secret,id=token,env=TOKEN test ! -e /run/secrets/token && echo $TOKEN | tr a-z A-Z",
        'RUN test ! -s /run/secrets/token && test -z "$TOKEN" && echo nothing left',
        "RUN --mount=type=secret,source=token cat /run/secrets/token | tr a-z b-za",
        "RUN --mount=type=secret,id=other test ! -e /run/secrets/other && echo not lent",
      ],
      secrets(SECRET),
    );
    for (const part of [`${SECRET} 400 0`, "440 5 6\n28", SECRET.toUpperCase(), "dpssfdu", "nothing left", "not lent"])
      expect(output).toContain(part);
    expect(filesWith(engine.folder, SECRET)).toEqual([]);
    expect(readFileSync("/proc/mounts", "utf8")).not.toContain(`${engine.folder}/run/build/files`);
  });

  test("another secret is no reason to run a step again, and inputs are there once", async () => {
    const lines = ["RUN --mount=type=secret,id=token cat /run/secrets/token > /dev/null && echo ran"];
    expect((await build(lines, secrets("one"))).output).toContain("ran\n");
    const again = await build(lines, secrets("two"));
    expect(again.output).toContain("Using cache");
    const path = `/build?inputs=${again.id}`;
    const taken = await askDocker(
      engine.dockerSocket,
      "POST",
      path,
      buildContext(join(engine.folder, "lent-2"), "Dockerfile"),
    );
    expect([taken.status, taken.text]).toEqual([400, expect.stringContaining("they are there once")]);
  });

  test("what is said to the lent agent reaches the client's, and its answer comes back", async () => {
    const session = {
      request: { inputs: { secrets: new Map(), agents: new Map([["default", agent]]) } },
      temporary: async (work: (folder: string) => Promise<string>) => work(engine.folder),
    } as unknown as BuildSession;
    const mount = {
      type: "ssh",
      id: "default",
      target: "/agent",
      required: true,
      mode: 0o600,
      uid: 0,
      gid: 0,
    } as const;
    const said = await withLent(session, mount, {} as Instruction, async (bound) => {
      const socket = connect(bound?.mount?.hostPath ?? "");
      socket.write("question");
      const [answer] = (await once(socket, "data")) as [Buffer];
      socket.destroy();
      return String(answer);
    });
    expect(said).toBe("answer to question");
    expect(existsSync(join(engine.folder, "agent"))).toBe(false);
  });

  test("a command reaches an ssh agent by SSH_AUTH_SOCK, whoever it runs as", async () => {
    const { output } = await build(
      [
        "RUN --mount=type=ssh,mode=0666 echo $SSH_AUTH_SOCK; test -S $SSH_AUTH_SOCK && echo a socket",
        'RUN --mount=type=ssh,id=other test -z "$SSH_AUTH_SOCK" && echo none',
        "USER 1000",
        "RUN --mount=type=ssh,uid=1000 test -w $SSH_AUTH_SOCK && echo mine",
        'RUN test -z "$SSH_AUTH_SOCK" && echo gone',
      ],
      { agents: { default: agent } },
    );
    for (const part of ["/run/ssh-agents/default\n", "a socket", "none\n", "mine\n", "gone\n"])
      expect(output).toContain(part);
  });
});

/** Files of a folder that hold a text; sockets and what goes meanwhile are left out. */
function filesWith(folder: string, text: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith("Dockerfile"))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => {
      const found = statSync(path, { throwIfNoEntry: false });
      return found !== undefined && found.size < 50_000_000 && readFileSync(path).includes(text);
    });
}
