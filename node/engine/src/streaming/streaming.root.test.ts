import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type Cri, EngineUnderTest } from "../engine-under-test.ts";

const installed = ["/usr/bin/kubectl", "/usr/local/bin/kubectl"].find((path) => existsSync(path));
const kubectl = process.env["TSUKUBE_KUBECTL"] ?? installed;

describe.skipIf(process.getuid?.() !== 0)("streaming (needs root)", () => {
  const world = new EngineUnderTest();
  let cri: Cri;
  let podSandboxId: string;
  let echo: string;

  beforeAll(async () => {
    await world.start();
    cri = world.dial();
    podSandboxId = await world.sandbox(cri);
    // a server on the pod's loopback and a process that answers its input
    const serve = `require("net").createServer((s) => s.pipe(s).on("error", () => {})).listen(4000, "127.0.0.1", () => console.log())`;
    const enter = `ip link set lo up; exec "$0" -e '${serve}'`;
    const net = `--net=${world.folder}/run/sandboxes/${podSandboxId}/net`;
    const server = spawn("nsenter", [net, "sh", "-c", enter, process.execPath], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    world.lifetime.add("server", () => void server.kill());
    await new Promise((resolve) => server.stdout.once("data", resolve));
    echo = await world.run(
      cri,
      podSandboxId,
      ["sh", "-c", "while read line; do echo got $line; echo err $line >&2; done"],
      {
        stdin: true,
      },
    );
  });
  afterAll(() => world.close());

  async function overWebSocket(url: string, protocol: string, input: readonly (Buffer | string)[]): Promise<string[]> {
    const socket = new WebSocket(url.replace("http:", "ws:"), protocol === "" ? [] : protocol);
    const heard: string[] = [];
    socket.on("message", (data) => heard.push((data as Buffer).toString("latin1")));
    socket.once("open", () => {
      for (const message of input) socket.send(message);
    });
    await new Promise((resolve) => socket.once("close", resolve));
    return heard;
  }

  test.each(["", "channel.k8s.io", "v4.channel.k8s.io"])("exec speaks %s", async (protocol) => {
    const request = { containerId: echo, cmd: ["sh", "-c", "read x; echo $x; exit 2"], stdin: true, stdout: true };
    const heard = await overWebSocket((await cri.Exec(request)).url ?? "", protocol, [Buffer.from("\0hi\n")]);
    expect(heard[0]).toBe("\x01hi\n");
    expect(heard.at(-1)).toMatch(protocol.startsWith("v4") ? /^\x03.*"ExitCode","message":"2"/ : /^\x03command.*: 2$/);
  });

  test.each(["base64.channel.k8s.io", "v4.base64.channel.k8s.io"])("exec speaks %s", async (protocol) => {
    const request = { containerId: echo, cmd: ["sh", "-c", "read x; echo $x"], stdin: true, stdout: true };
    const input = `0${Buffer.from("hi\n").toString("base64")}`;
    const heard = await overWebSocket((await cri.Exec(request)).url ?? "", protocol, [input]);
    expect(heard[0]).toBe(`1${Buffer.from("hi\n").toString("base64")}`);
  });

  test("attach reaches the process, which goes on when the client leaves", async () => {
    for (const word of ["one", "two"]) {
      const { url = "" } = await cri.Attach({ containerId: echo, stdin: true, stdout: true, stderr: true });
      const socket = new WebSocket(url.replace("http:", "ws:"), "v5.channel.k8s.io");
      const heard: string[] = [];
      socket.on("message", (data) => heard.push((data as Buffer).toString("latin1")));
      socket.once("open", () => socket.send(Buffer.from(`\0${word}\n`)));
      await expect.poll(() => heard.toSorted()).toEqual([`\x01got ${word}\n`, `\x02err ${word}\n`]);
      socket.close();
    }
  });

  test("attach ends with its input where the process keeps its own", async () => {
    const { url = "" } = await cri.Attach({ containerId: echo, stdin: true, stdout: true });
    const heard = await overWebSocket(url, "v5.channel.k8s.io", [Buffer.from("\xff\0", "latin1")]);
    expect(heard).toEqual([expect.stringMatching(/^\x03.*"Success"/)]);
  });

  test("attach ends with success when the process does", async () => {
    const brief = await world.run(cri, podSandboxId, ["sh", "-c", "read x; echo bye; exit 3"], { stdin: true });
    const { url = "" } = await cri.Attach({ containerId: brief, stdin: true, stdout: true });
    const heard = await overWebSocket(url, "v4.channel.k8s.io", [Buffer.from("\0go\n")]);
    expect(heard).toEqual(["\x01bye\n", expect.stringMatching(/^\x03.*"Success"/)]);
  });

  test("a session is used once; an unknown one is not found", async () => {
    const { url = "" } = await cri.Exec({ containerId: echo, cmd: ["true"], stdout: true });
    await overWebSocket(url, "v4.channel.k8s.io", []);
    const again = new WebSocket(url.replace("http:", "ws:"), "v4.channel.k8s.io");
    await expect(new Promise((_, reject) => again.once("error", reject))).rejects.toThrow("404");
  });

  describe.skipIf(kubectl === undefined)("with kubectl", () => {
    let api: Server;
    let server: string;

    beforeAll(async () => {
      api = apiFor(async (verb, query) => {
        const flag = (name: string): boolean => query.get(name) === "true";
        const streams = { stdin: flag("stdin"), stdout: flag("stdout"), stderr: flag("stderr"), tty: flag("tty") };
        if (verb === "portforward") return (await cri.PortForward({ podSandboxId })).url ?? "";
        if (verb === "attach") return (await cri.Attach({ containerId: echo, ...streams })).url ?? "";
        return (await cri.Exec({ containerId: echo, cmd: query.getAll("command"), ...streams })).url ?? "";
      });
      await new Promise<void>((resolve) => api.listen(0, "127.0.0.1", resolve));
      server = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
    });
    afterAll(() => {
      api.closeAllConnections();
      api.close();
    });

    const start = (args: readonly string[], websockets: boolean): ChildProcessWithoutNullStreams => {
      const env = {
        ...process.env,
        HOME: world.folder,
        KUBECONFIG: "/dev/null",
        KUBECTL_PORT_FORWARD_WEBSOCKETS: String(websockets),
        KUBECTL_REMOTE_COMMAND_WEBSOCKETS: String(websockets),
      };
      return spawn(kubectl ?? "", ["--server", server, ...args], { env });
    };
    const finish = async (child: ChildProcessWithoutNullStreams) => {
      const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
      // both at once: what nobody reads when the child exits is thrown away
      const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
      return { out, err, code };
    };

    test.each([true, false])("exec carries streams and exit code (WebSocket: %s)", async (websockets) => {
      const child = start(["exec", "-i", "x", "--", "sh", "-c", "cat; echo problem >&2; exit 5"], websockets);
      const input = Buffer.alloc(300_000, "abcdefgh\n").toString();
      child.stdin.end(input);
      const { out, err, code } = await finish(child);
      expect(out === input).toBe(true);
      expect(err).toContain("problem");
      expect(code).toBe(5);
    });

    test.each([true, false])("attach carries streams (WebSocket: %s)", async (websockets) => {
      const child = start(["attach", "-i", "x", "-c", "a"], websockets);
      let out = "";
      child.stdout.on("data", (chunk: Buffer) => {
        out += chunk.toString();
      });
      child.stdin.write("hello\n");
      await expect.poll(() => out).toContain("got hello");
      child.kill();
      await new Promise((resolve) => child.once("exit", resolve));
    });

    test.each([true, false])("port-forward carries many connections (WebSocket: %s)", async (websockets) => {
      const child = start(["port-forward", "pod/x", ":4000"], websockets);
      let said = "";
      child.stdout.on("data", (chunk: Buffer) => {
        said += chunk.toString();
      });
      await expect.poll(() => said).toMatch(/127.0.0.1:(\d+) -> 4000/);
      const port = Number(/127.0.0.1:(\d+) -> 4000/.exec(said)?.[1]);
      const round = async (size: number): Promise<void> => {
        const socket = connect(port, "127.0.0.1");
        const input = Buffer.alloc(size, `${size} bytes `);
        const parts: Buffer[] = [];
        socket.write(input);
        await new Promise<void>((resolve) => {
          let length = 0;
          socket.on("data", (part: Buffer) => {
            parts.push(part);
            length += part.length;
            if (length >= size) resolve();
          });
        });
        socket.destroy();
        expect(Buffer.concat(parts).equals(input)).toBe(true);
      };
      await Promise.all([10, 1000, 70_000, 1_000_000].map(round));
      await round(3_000_000);
      child.kill();
      await new Promise((resolve) => child.once("exit", resolve));
    });
  });
});

/** As much of an API server as kubectl needs to reach one pod; upgrades go on to the address that `locate` gives. */
function apiFor(locate: (verb: string, query: URLSearchParams) => Promise<string>): Server {
  const containers = [{ name: "a", stdin: true }];
  const pod = {
    kind: "Pod",
    apiVersion: "v1",
    metadata: { name: "x", namespace: "default" },
    spec: { containers },
    status: { phase: "Running" },
  };
  const pods = { name: "pods", singularName: "pod", namespaced: true, kind: "Pod", verbs: ["get"] };
  const answers: Readonly<Record<string, object>> = {
    "/api": { kind: "APIVersions", versions: ["v1"] },
    "/apis": { kind: "APIGroupList", apiVersion: "v1", groups: [] },
    "/api/v1": { kind: "APIResourceList", groupVersion: "v1", resources: [pods] },
    "/api/v1/namespaces/default/pods/x": pod,
  };
  const server = createServer((request, response) => {
    const answer = answers[new URL(request.url ?? "", "http://x").pathname];
    response.writeHead(answer === undefined ? 404 : 200, { "Content-Type": "application/json" });
    response.end(JSON.stringify(answer ?? {}));
  });
  server.on("upgrade", async (request, socket, head) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://x");
    const target = new URL(await locate(pathname.split("/").at(-1) ?? "", searchParams));
    const upstream = connect(Number(target.port), target.hostname);
    const lines: string[] = [];
    for (let at = 0; at < request.rawHeaders.length; at += 2)
      lines.push(`${request.rawHeaders[at]}: ${request.rawHeaders[at + 1]}`);
    upstream.write(`${request.method} ${target.pathname} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
    upstream.write(head);
    upstream.pipe(socket).pipe(upstream);
    for (const side of [socket, upstream]) side.on("error", () => {});
    socket.once("close", () => upstream.destroy());
  });
  return server;
}
