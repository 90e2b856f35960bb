import { realClock } from "@tsukube/host";
import type { EtcdNetwork } from "./etcd-network.ts";
import { type EtcdServer, membersOf } from "./etcd-server.ts";

/** So long nothing happens at the end, so that what is under way comes to its end. */
const QUIET_MS = 3000;

/** What happens to the servers of an etcd cluster, one at a time: killed, paused, cut off from the others, cut off from everybody. */
export class EtcdTroubles {
  readonly #servers: readonly EtcdServer[];
  readonly #network: EtcdNetwork;

  constructor(servers: readonly EtcdServer[], network: EtcdNetwork) {
    this.#servers = servers;
    this.#network = network;
  }

  /** Each kind in turn, each time at another server. @param until Of the monotonic clock. */
  async makeUntil(until: number): Promise<void> {
    const kinds = [this.#kill, this.#pause, this.#cutFromOthers, this.#cutFromAll];
    for (let turn = 0; realClock.monotonic() < until - QUIET_MS; turn += 1) {
      await realClock.sleep(1000);
      await kinds[turn % kinds.length]?.call(this, (turn * 2 + 1) % this.#servers.length);
      await realClock.sleep(500);
    }
  }

  async #kill(index: number): Promise<void> {
    await this.#servers[index]?.kill();
    await realClock.sleep(1000);
    this.#servers[index]?.run(membersOf(this.#servers));
  }

  async #pause(index: number): Promise<void> {
    this.#servers[index]?.signal("SIGSTOP");
    await realClock.sleep(2000);
    this.#servers[index]?.signal("SIGCONT");
  }

  async #cutFromOthers(index: number): Promise<void> {
    await this.#network.cutFromOthers(index);
    await realClock.sleep(2000);
    await this.#network.heal(index);
  }

  async #cutFromAll(index: number): Promise<void> {
    await this.#network.cutFromAll(index);
    await realClock.sleep(2000);
    await this.#network.heal(index);
  }
}
