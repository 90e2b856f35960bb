import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { networkInterfaces } from "node:os";
import { createClient, createHttpTransport, createInformerFactory, inClusterOptions } from "@tsukube/client";
import { clusterView, createUpstream, nameserversOf, Resolver, serveDns } from "@tsukube/dns";
import { Lifetime } from "@tsukube/foundation";
import { realClock, systemRandom } from "@tsukube/host";
import { aborted, argument, type ProgramOptions, runProgram } from "./program.ts";

const HEALTH_PORT = 8181;

/** Cluster DNS, as a workload in kube-system. */
async function main({ logger, signal }: ProgramOptions): Promise<void> {
  await using lifetime = new Lifetime();
  const client = createClient(createHttpTransport(inClusterOptions(process.env), realClock), {
    userAgent: "tsukube-dns/0.1",
  });
  lifetime.own("client", client);
  const informers = createInformerFactory(client, { clock: realClock, logger, random: systemRandom });
  lifetime.own("informers", informers);
  const view = clusterView(informers);
  let isReady = false;
  const health = createServer((_request, response) =>
    response.writeHead(isReady ? 200 : 503).end(isReady ? "ok" : "waiting for the API server"),
  );
  health.listen(HEALTH_PORT);
  lifetime.add("health", () => void health.close());
  await informers.synced();
  const servers = nameserversOf(readFileSync("/etc/resolv.conf", "utf8"));
  const resolver = new Resolver({
    zone: argument("--zone") ?? "cluster.local",
    view,
    upstream: createUpstream({ servers, clock: realClock, random: systemRandom }),
    logger,
  });
  const hasIpv6 = Object.values(networkInterfaces()).some((links) => links?.some(({ family }) => family === "IPv6"));
  lifetime.own("DNS", await serveDns(resolver, hasIpv6 ? "::" : "0.0.0.0", 53));
  isReady = true;
  logger.info("answering", { upstream: servers });
  await aborted(signal);
}

void runProgram(main);
