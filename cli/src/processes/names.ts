import { ContainerResolver, createUpstream, type DnsServer, serveDns } from "@tsukube/dns";
import { Lifetime, messageOf } from "@tsukube/foundation";
import { realClock, systemRandom } from "@tsukube/host";
import { NAME_PORT, NetworkRecords } from "@tsukube/network/records";
import { aborted, argument, type ProgramOptions, runProgram } from "./program.ts";

/** Answers names of Docker's containers at the gateways of their networks. A workload: it outlives the engine. */
async function main({ logger, signal }: ProgramOptions): Promise<void> {
  await using lifetime = new Lifetime();
  const records = new NetworkRecords(argument("--folder") ?? "/networks");
  const resolver = new ContainerResolver({
    view: () => records,
    upstream: (servers) => createUpstream({ servers, clock: realClock, random: systemRandom }),
    logger,
  });
  const servers = new Map<string, Promise<DnsServer | undefined>>();
  const serve = (address: string): Promise<DnsServer | undefined> =>
    serveDns(resolver, address, NAME_PORT).catch((error: unknown) => {
      servers.delete(address); // its bridge is on the way, or gone again
      logger.warn("cannot answer at a gateway", { address, error: messageOf(error) });
      return undefined;
    });
  const look = (): void => {
    const wanted = new Set(records.attachments.map(({ gateway }) => gateway));
    for (const address of wanted) if (!servers.has(address)) servers.set(address, serve(address));
    for (const [address, server] of servers) {
      if (wanted.has(address)) continue;
      servers.delete(address);
      void server.then((each) => each?.close());
    }
  };
  lifetime.add("records", await records.follow(look));
  lifetime.add("retries", realClock.every(200, look, { background: true }));
  await aborted(signal);
}

void runProgram(main);
