import type { EtcdConnection } from "./etcd-connection.ts";

const KEY = Buffer.from("compact_rev_key");

/**
 * Cuts history, by the protocol of kube-apiserver: each server tries in turn to raise one key, and who succeeds compacts to the
 * revision that it saw a turn ago. So one of many does it, and history is between one and two turns long.
 */
export class EtcdCompactor {
  readonly #connection: EtcdConnection;
  readonly #compact: (revision: number) => Promise<void>;
  #version = 0;
  #revision = 0;

  constructor(connection: EtcdConnection, compact: (revision: number) => Promise<void>) {
    this.#connection = connection;
    this.#compact = compact;
  }

  async turn(): Promise<void> {
    const seen = this.#revision;
    const response = await this.#connection.write((member, options) =>
      member.kv.Txn(
        {
          compare: [{ key: KEY, target: "VERSION", result: "EQUAL", version: this.#version }],
          success: [{ requestPut: { key: KEY, value: Buffer.from(String(seen)) } }],
          failure: [{ requestRange: { key: KEY } }],
        },
        options,
      ),
    );
    this.#revision = Number(response.header?.revision);
    if (response.succeeded !== true) {
      this.#version = Number(response.responses?.[0]?.responseRange?.kvs?.[0]?.version ?? 0);
      return;
    }
    this.#version += 1;
    if (seen > 0) await this.#compact(seen);
  }
}
