import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startApiServer } from "@tsukube/apiserver";
import { realClock } from "@tsukube/host";
import { lmdbStore } from "@tsukube/store";
import { authorityFor } from "./authority.ts";
import { ownOptions } from "./own-options.ts";

/** Our API server alone in a process, over TLS and with its store on disk, below the folder that is the only argument. */
const folder = process.argv[2]!;
const authority = await authorityFor(["127.0.0.1"]);
const openStore = lmdbStore({ path: join(folder, "store"), clock: realClock });
const server = await startApiServer(await ownOptions(authority, openStore));
const port = await server.listen("127.0.0.1", 0);
const options = { server: `https://127.0.0.1:${port}`, ca: authority.ca.cert, clientCertificate: authority.admin };
writeFileSync(join(folder, "client.json"), JSON.stringify(options), { mode: 0o600 });
process.once("SIGTERM", () => process.exit(0));
process.stdout.write("ready\n");
