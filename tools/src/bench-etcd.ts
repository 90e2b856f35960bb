import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { realClock } from "@tsukube/host";
import { lmdbStore, type Store } from "@tsukube/store";
import { connectEtcd } from "@tsukube/store/etcd";
import { EtcdServer } from "@tsukube/store/etcd-server";
import { atExit } from "./at-exit.ts";
import { cpuSecondsOf } from "./bench-cluster.ts";
import { hammer } from "./bench-hammer.ts";
import type { Measured } from "./bench-scenarios.ts";
import { peersFolder } from "./peers.ts";

const CLIENTS = 64;
const TURNS = 5;
const TURN_MS = 1000;
const VALUE = Buffer.alloc(2048, 1);

/** Why there is nothing to compare with. */
export function noEtcd(): string | undefined {
  return existsSync(program()) ? undefined : `no etcd in ${peersFolder()}, expected it there; run "npm run peers"`;
}

function program(): string {
  return join(peersFolder(), "etcd");
}

interface Turns {
  readonly store: Store;
  /** Microseconds of CPU until now. */
  readonly cpu: () => number;
  count: number;
  used: number;
}

/** Durable puts through our store on an LMDB file, and through our store on an etcd of one server, on one disk in one run. */
export async function besideEtcd(): Promise<readonly Measured[]> {
  const lifetime = new Lifetime();
  try {
    const folder = mkdtempSync(join(tmpdir(), "tsukube-bench-"));
    lifetime.add("folder", () => rmSync(folder, { recursive: true, force: true }));
    const server = await EtcdServer.start({ program: program() });
    const forget = atExit(() => server.signal("SIGKILL"));
    lifetime.add("etcd", () => server.remove().finally(forget));
    const file = await lmdbStore({ path: join(folder, "store"), clock: realClock })(() => {});
    lifetime.own("file", file);
    const etcd = await connectEtcd({ endpoints: [server.clientUrl], clock: realClock, root: "/" });
    lifetime.own("store on etcd", etcd);
    const sides: readonly [Turns, Turns] = [
      { store: file, cpu: ownCpu, count: 0, used: 0 },
      { store: etcd, cpu: () => cpuSecondsOf(server.pid) * 1e6, count: 0, used: 0 },
    ];
    await inTurns(sides);
    return figures(sides);
  } finally {
    await lifetime.close();
  }
}

async function inTurns(sides: readonly Turns[]): Promise<void> {
  for (let turn = 0; turn <= TURNS; turn += 1) {
    for (const side of sides) {
      const before = side.cpu();
      const count = await hammer(
        CLIENTS,
        (key) => side.store.commit([{ type: "put", key: `${key}/${turn}`, value: VALUE, expected: "absent" }]),
        TURN_MS,
      );
      if (turn === 0) continue; // to warm up
      side.count += count;
      side.used += side.cpu() - before;
    }
  }
}

function figures([file, etcd]: readonly [Turns, Turns]): readonly Measured[] {
  const rates = [file, etcd].map(({ count }) => (count / (TURNS * TURN_MS)) * 1000) as [number, number];
  const costs = [file, etcd].map(({ count, used }) => used / count) as [number, number];
  return [
    { what: "LMDB", value: rates[0], unit: "puts/s" },
    { what: "etcd", value: rates[1], unit: "puts/s" },
    { what: "LMDB to etcd", value: rates[0] / rates[1], unit: "x", goal: ">= 5" },
    { what: "LMDB, CPU a put, clients too", value: costs[0], unit: "µs" },
    { what: "etcd, CPU a put, without clients", value: costs[1], unit: "µs" },
    { what: "CPU of LMDB to etcd's", value: costs[0] / costs[1], unit: "x", goal: "< 1" },
  ];
}

function ownCpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
