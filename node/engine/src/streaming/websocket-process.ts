import type { WebSocket } from "ws";
import { Framing } from "./framing.ts";
import {
  formatStatus,
  type OpenProcess,
  type ProcessStatus,
  pump,
  resizeTo,
  type StreamedProcess,
  statusOf,
  type WantedStreams,
} from "./streamed-process.ts";

/** Subprotocols of exec and attach, best first. "" is a client that names none and means "channel.k8s.io". */
export const PROCESS_PROTOCOLS = [
  "v5.channel.k8s.io",
  "v4.channel.k8s.io",
  "v4.base64.channel.k8s.io",
  "channel.k8s.io",
  "base64.channel.k8s.io",
] as const;

const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** Serves exec or attach over a WebSocket. What is not wanted is not sent: clients take it for a stream that does not exist. */
export async function serveWebSocketProcess(
  client: WebSocket,
  wanted: WantedStreams,
  open: OpenProcess,
): Promise<void> {
  const framing = new Framing(client.protocol);
  const early: Buffer[] = []; // what arrives before the process runs
  let take = (message: Buffer): void => void early.push(message);
  client.on("message", (data) => take(data as Buffer));
  client.on("error", () => client.terminate());
  const send = (channel: number, data: Uint8Array): Promise<void> =>
    new Promise((resolve) => client.send(framing.pack(channel, data), () => resolve()));
  const finish = async (status: ProcessStatus): Promise<void> => {
    const text = formatStatus(status, framing.structured);
    if (text !== "") await send(CHANNEL.error, Buffer.from(text));
    client.close(1000);
  };
  try {
    const process = await open();
    client.once("close", () => process.kill());
    if (client.readyState === client.CLOSED) process.kill();
    take = (message) => receive(process, framing, message);
    for (const message of early.splice(0)) take(message);
    await finish(
      await pump(
        process,
        async (chunk) => void (wanted.stdout && (await send(CHANNEL.stdout, chunk))),
        async (chunk) => void (wanted.stderr && (await send(CHANNEL.stderr, chunk))),
      ),
    );
  } catch (error) {
    await finish(statusOf(error));
  }
}

function receive(process: StreamedProcess, framing: Framing, message: Buffer): void {
  const { channel, data } = framing.unpack(message);
  if (channel === CHANNEL.stdin) process.stdin?.write(data);
  else if (channel === CHANNEL.close && framing.canClose && data[0] === CHANNEL.stdin) process.stdin?.end();
  else if (channel === CHANNEL.resize) resizeTo(process, data.toString());
}
