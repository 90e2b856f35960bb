/** How channel and data become a WebSocket message: a leading byte, or a leading digit before base64 in a text message. */
export class Framing {
  readonly base64: boolean;
  /** The error channel carries a Status. */
  readonly structured: boolean;
  readonly canClose: boolean;

  /** @param protocol A subprotocol such as "v5.channel.k8s.io"; "" is the oldest. */
  constructor(protocol: string) {
    this.base64 = protocol.includes("base64");
    this.structured = /^v[45]\./.test(protocol);
    this.canClose = protocol.startsWith("v5.");
  }

  pack(channel: number, data: Uint8Array): Buffer | string {
    if (this.base64) return `${channel}${Buffer.from(data).toString("base64")}`;
    return Buffer.concat([Buffer.of(channel), data]);
  }

  unpack(message: Buffer): { readonly channel: number; readonly data: Buffer } {
    const first = message[0] ?? 0;
    if (!this.base64) return { channel: first, data: message.subarray(1) };
    return { channel: first - 48, data: Buffer.from(message.toString("latin1", 1), "base64") };
  }
}
