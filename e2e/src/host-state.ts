import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "@tsukube/host";

/** Everything of the host that a cluster could leave behind. */
export async function hostState(): Promise<string> {
  const text = async (command: string, ...args: string[]) => (await run(command, args, { accept: [0, 1] })).stdout;
  const links = (await text("ip", "-o", "link")).split("\n").map((line) => line.split(":")[1]?.trim() ?? "");
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  const groups = readdirSync("/sys/fs/cgroup", { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory() && /tsukube|kubepods/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  const sysctls = ["net/ipv4/ip_forward", "net/ipv4/conf/all/send_redirects"].map((key) =>
    readFileSync(`/proc/sys/${key}`, "utf8").trim(),
  );
  const state = {
    links: links.filter((name) => name !== "").sort(),
    mounts: mounts.filter((path) => path.includes("tsukube")).sort(),
    tables: (await text("nft", "list", "tables")).split("\n").filter((line) => line.includes("tsukube")),
    routes: (await text("ip", "route")).split("\n").sort(),
    groups,
    sysctls,
    namespaces: (await text("ip", "netns")).split("\n").sort(),
  };
  return JSON.stringify(state, undefined, 1);
}
