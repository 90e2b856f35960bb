import type { Lifetime } from "@tsukube/foundation";
import { createHttpsServer, type Exchange, type UpgradeRequest, verified } from "@tsukube/host";
import type { WireServer } from "./wire-server.ts";

/** What the API server asked a kubelet for. */
interface Asked {
  /** Of its certificate. */
  readonly who: string | undefined;
  readonly method: string;
  readonly path: string;
}

/** A kubelet that says what a test wants it to say. */
export interface FakeKubelet {
  /** What it was asked, oldest first. */
  readonly asked: readonly Asked[];
  /** How requests are answered from now on. */
  answer(handle: (exchange: Exchange) => void): void;
  /** How upgrades are. */
  upgrade(handle: (request: UpgradeRequest) => void): void;
}

/** Starts one, which the API server knows as that of a Node with this name. */
export async function startKubelet(server: WireServer, name: string, lifetime: Lifetime): Promise<FakeKubelet> {
  const asked: Asked[] = [];
  let handle = (exchange: Exchange): void => exchange.send(200, {}, Buffer.from(""));
  let upgrade = (request: UpgradeRequest): void => void request.socket.destroy();
  const note = ({ peer, method, path }: Exchange | UpgradeRequest): void =>
    void asked.push({ who: verified(peer)?.commonName, method, path });
  const pair = await server.authority.issue({ commonName: name, sans: ["127.0.0.1"], usages: ["server"] });
  const https = createHttpsServer({
    ...pair,
    clientCa: server.ca,
    handle(exchange) {
      note(exchange);
      handle(exchange);
    },
    upgrade(request) {
      note(request);
      upgrade(request);
    },
  });
  lifetime.own("kubelet", https);
  const Port = await https.listen("127.0.0.1", 0);
  const { admin } = server;
  await admin.send("POST", "/api/v1/nodes", { metadata: { name } });
  const status = {
    addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
    daemonEndpoints: { kubeletEndpoint: { Port } },
  };
  await admin.send("PATCH", `/api/v1/nodes/${name}/status`, { status });
  return {
    asked,
    answer: (next) => void (handle = next),
    upgrade: (next) => void (upgrade = next),
  };
}
