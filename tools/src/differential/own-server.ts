import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startApiServer } from "@tsukube/apiserver";
import { silentLogger } from "@tsukube/foundation";
import { createMetrics, realClock, systemRandom } from "@tsukube/host";
import { createSigningKey } from "@tsukube/host/certificates";
import { lmdbStore } from "@tsukube/store";
import { authorityFor, SERVICE_CIDR } from "./authority.ts";

/** Our API server alone in a process, over TLS and with its store on disk, below the folder that is the only argument. */
const folder = process.argv[2]!;
const { ca, serving, admin } = await authorityFor(["127.0.0.1"]);
const server = await startApiServer({
  openStore: lmdbStore({ path: join(folder, "store"), clock: realClock }),
  clock: realClock,
  random: systemRandom,
  logger: silentLogger,
  metrics: createMetrics(),
  serviceAccountKey: await createSigningKey(),
  serviceCidr: SERVICE_CIDR,
  nodePorts: { first: 30000, last: 32767 },
  advertise: { address: "192.0.2.10", port: 6443 },
  tls: { ...serving, clientCa: ca.cert },
});
const port = await server.listen("127.0.0.1", 0);
const options = { server: `https://127.0.0.1:${port}`, ca: ca.cert, clientCertificate: admin };
writeFileSync(join(folder, "client.json"), JSON.stringify(options), { mode: 0o600 });
if (process.env["PROF_DIR"] === undefined) process.once("SIGTERM", () => process.exit(0));
process.stdout.write("ready\n");
