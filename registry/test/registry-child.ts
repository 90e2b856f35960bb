import { realClock, systemRandom } from "@tsukube/host";
import { Registry } from "../src/registry.ts";

/** Serves a folder for a test that kills it, and collects garbage all the time. Arguments: the folder, how long garbage stays in ms. */
const [folder = "", keepMs = "1000"] = process.argv.slice(2);
const registry = await Registry.open({ folder, clock: realClock, random: systemRandom, keepMs: Number(keepMs) });
process.stdout.write(`${await registry.listen("127.0.0.1", 0)}\n`);
for (;;) {
  await registry.collect();
  await realClock.sleep(5);
}
