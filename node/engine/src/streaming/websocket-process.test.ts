import { once } from "node:events";
import { Readable } from "node:stream";
import { Lifetime } from "@tsukube/foundation";
import { realClock, systemRandom } from "@tsukube/host";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { StreamingServer } from "./streaming-server.ts";

test("a client hears the streams that it wants, and no other", async () => {
  await using lifetime = new Lifetime();
  const streaming = new StreamingServer(realClock, systemRandom);
  await streaming.listen();
  lifetime.own("streaming", streaming);
  const open = async () => ({
    stdout: Readable.from([Buffer.from("out")]),
    stderr: Readable.from([Buffer.from("err")]),
    resize: () => {},
    kill: () => {},
    exited: Promise.resolve(0),
  });
  const url = streaming.offer(open, { stdin: false, stdout: true, stderr: false, tty: false });
  const client = new WebSocket(url.replace("http:", "ws:"), "v5.channel.k8s.io");
  const channels: (number | undefined)[] = [];
  client.on("message", (data) => channels.push((data as Buffer)[0]));
  await once(client, "close");
  expect(channels).toEqual([1, 3]);
});
