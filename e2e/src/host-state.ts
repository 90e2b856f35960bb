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
    processes: ourProcesses(),
    sockets: [...ourUnixSockets(), ...ourPorts()].sort(),
    running: contentsOf("/run/tsukube"),
  };
  return JSON.stringify(state, undefined, 1);
}

/** Command lines of what belongs to clusters: supervisors, server, node, conmon and what runs in pods. */
function ourProcesses(): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => ({ command: textOf(`/proc/${pid}/cmdline`), group: textOf(`/proc/${pid}/cgroup`) }))
    .filter(({ command, group }) => {
      const words = command.split("\0");
      const isProgram = words.some((word) => /\/(server|node)\.js$/.test(word)) && words.includes("--name");
      return isProgram || /\/(run|var\/lib)\/tsukube\//.test(command) || group.includes("/tsukube-e2e");
    })
    .map(({ command }) => command.replaceAll("\0", " "))
    .sort();
}

function ourUnixSockets(): readonly string[] {
  const paths = textOf("/proc/net/unix")
    .split("\n")
    .map((line) => line.split(" ").at(-1) ?? "");
  return paths.filter((path) => path.startsWith("/run/tsukube/"));
}

/** Listening TCP ports of API servers and kubelets. */
function ourPorts(): readonly string[] {
  const listening = textOf("/proc/net/tcp")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state]) => state === "0A")
    .map(([, local = ""]) => Number.parseInt(local.split(":")[1] ?? "", 16));
  return listening.filter((port) => (port >= 6443 && port < 6467) || (port >= 10250 && port < 10490)).map(String);
}

/** "" for what ended in between. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function contentsOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
