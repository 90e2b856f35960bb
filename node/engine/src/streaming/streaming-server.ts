import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Readable, Writable } from "node:stream";
import { type Clock, messageOf, type Random } from "@tsukube/foundation";
import { type WebSocket, WebSocketServer } from "ws";

/** A process with streams, as a client sees it. */
export interface StreamedProcess {
  readonly stdin?: Writable;
  readonly stdout?: Readable;
  readonly stderr?: Readable;
  resize(columns: number, rows: number): void;
  /** Its exit code. */
  readonly exited: Promise<number>;
  kill(): void;
}

const PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
const TOKEN_LIFE_MS = 60_000;
const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** Serves exec over WebSocket on 127.0.0.1, at addresses that work once and for a minute. */
export class StreamingServer {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #sessions = new Map<string, () => Promise<StreamedProcess>>();
  readonly #http = createServer((_, response) => response.writeHead(404).end());
  readonly #sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => PROTOCOLS.find((protocol) => offered.has(protocol)) ?? false,
  });

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
    this.#http.on("upgrade", (request, socket, head) => {
      const token = (request.url ?? "").split("/").at(-1) ?? "";
      const open = this.#sessions.get(token);
      const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
      if (open === undefined || !offered.some((name) => PROTOCOLS.includes(name))) {
        socket.end(
          `HTTP/1.1 ${open === undefined ? "404 Not Found" : "400 Bad Request"}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
        );
        return;
      }
      this.#sessions.delete(token);
      this.#sockets.handleUpgrade(request, socket, head, (client) => void serve(client, open));
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#http.once("error", reject);
      this.#http.listen(0, "127.0.0.1", resolve);
    });
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  /** An address under which `open` is started once. */
  offer(open: () => Promise<StreamedProcess>): string {
    const token = Buffer.from(this.#random.bytes(24)).toString("base64url");
    this.#sessions.set(token, open);
    this.#clock.after(TOKEN_LIFE_MS, () => this.#sessions.delete(token), { background: true });
    return `${this.address}/exec/${token}`;
  }

  async close(): Promise<void> {
    for (const client of this.#sockets.clients) client.terminate();
    this.#http.closeAllConnections();
    await new Promise<void>((resolve) => this.#http.close(() => resolve()));
  }
}

async function serve(client: WebSocket, open: () => Promise<StreamedProcess>): Promise<void> {
  const early: Buffer[] = []; // what arrives before the process runs
  let take = (message: Buffer): void => void early.push(message);
  client.on("message", (data) => take(data as Buffer));
  client.on("error", () => client.terminate());
  const send = (channel: number, data: Uint8Array): Promise<void> =>
    new Promise((resolve) => client.send(Buffer.concat([Buffer.of(channel), data]), () => resolve()));
  const finish = async (status: object): Promise<void> => {
    await send(CHANNEL.error, Buffer.from(JSON.stringify(status)));
    client.close(1000);
  };
  try {
    const process = await open();
    client.once("close", () => process.kill());
    take = (message) => receive(process, message);
    for (const message of early.splice(0)) take(message);
    const forward = async (channel: number, stream: Readable | undefined): Promise<void> => {
      try {
        for await (const chunk of stream ?? []) await send(channel, chunk as Buffer);
      } catch {
        // a terminal ends with EIO
      }
    };
    const outputs = Promise.all([forward(CHANNEL.stdout, process.stdout), forward(CHANNEL.stderr, process.stderr)]);
    const code = await process.exited;
    await outputs;
    await finish(code === 0 ? { metadata: {}, status: "Success" } : failure(code));
  } catch (error) {
    await finish({ metadata: {}, status: "Failure", reason: "InternalError", message: messageOf(error), code: 500 });
  }
}

function receive(process: StreamedProcess, message: Buffer): void {
  const rest = message.subarray(1);
  if (message[0] === CHANNEL.stdin) process.stdin?.write(rest);
  else if (message[0] === CHANNEL.close && rest[0] === CHANNEL.stdin) process.stdin?.end();
  else if (message[0] === CHANNEL.resize) {
    const size = JSON.parse(rest.toString()) as { Width?: number; Height?: number };
    process.resize(size.Width ?? 80, size.Height ?? 24);
  }
}

/** The Status of a process that failed, as clients read its exit code. */
function failure(code: number): object {
  return {
    metadata: {},
    status: "Failure",
    reason: "NonZeroExitCode",
    message: `command terminated with non-zero exit code: ${code}`,
    details: { causes: [{ reason: "ExitCode", message: String(code) }] },
  };
}
