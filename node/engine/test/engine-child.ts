import { silentLogger } from "@tsukube/foundation";
import { createMetrics, realClock, systemRandom } from "@tsukube/host";
import { startEngine } from "../src/engine.ts";

/** An engine in a process that can be killed. Arguments: its folder, its group, its snapshotter. */
const [, , folder = "", cgroupParent = "", snapshotter = "overlay"] = process.argv;
await startEngine({
  stateDirectory: `${folder}/state`,
  runtimeDirectory: `${folder}/run`,
  criSocket: `${folder}/cri.sock`,
  dockerSocket: `${folder}/docker.sock`,
  cgroupParent,
  snapshotter: snapshotter === "copies" ? "copies" : "overlay",
  network: {
    add: async () => ({ ips: ["10.0.0.1"] }),
    remove: async () => {},
    check: async () => {},
    status: async () => {},
    collect: async () => {},
  },
  clock: realClock,
  random: systemRandom,
  logger: silentLogger,
  metrics: createMetrics(),
});
process.stdout.write("ready\n");
setInterval(() => {}, 1 << 30);
