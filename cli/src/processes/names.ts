import { ContainerResolver, createUpstream, serveDns } from "@tsukube/dns";
import { Lifetime } from "@tsukube/foundation";
import { realClock, systemRandom } from "@tsukube/host";
import { NAME_PORT, NetworkRecords } from "@tsukube/network/records";
import { GatewayServers } from "../cluster/gateway-servers.ts";
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
  const servers = new GatewayServers({
    serve: (address) => serveDns(resolver, address, NAME_PORT),
    clock: realClock,
    logger,
  });
  lifetime.add("servers", () => servers.close());
  const stop = await records.follow(() => servers.want(records.attachments.map(({ gateway }) => gateway)));
  lifetime.add("records", stop);
  await aborted(signal);
}

void runProgram(main);
