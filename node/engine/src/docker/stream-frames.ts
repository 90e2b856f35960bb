export type FrameStream = "stdout" | "stderr";

export const MULTIPLEXED = "application/vnd.docker.multiplexed-stream";
export const RAW = "application/vnd.docker.raw-stream";

/** A piece of output as clients take it where there is no terminal: its stream, its length, itself (Engine API, "Stream format"). */
export function frame(stream: FrameStream, content: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream === "stdout" ? 1 : 2;
  header.writeUInt32BE(content.length, 4);
  return Buffer.concat([header, content]);
}
