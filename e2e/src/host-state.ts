import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "@tsukube/host";

/** What of the host's own a cluster changes while it runs. */
export function hostSettings(): string {
  const keys = ["net/ipv4/ip_forward", "net/ipv4/conf/all/send_redirects"];
  return keys.map((key) => `${key}=${textOf(`/proc/sys/${key}`).trim()}`).join(" ");
}

/** Everything of a cluster that is on the host beside its state: nothing, once it is down. @param name of a cluster that was up. */
export async function leftBehind(name: string): Promise<readonly string[]> {
  const index = Number(/"index":(\d+)/.exec(textOf(`/var/lib/tsukube/${name}/cluster.json`))?.[1]);
  const lines = async (command: string, ...args: string[]): Promise<readonly string[]> =>
    (await run(command, args, { accept: [0, 1] })).stdout.split("\n").map((line) => line.trim());
  const links = (await lines("ip", "-o", "link")).map((line) => line.split(": ")[1] ?? "");
  const networks = new RegExp(`\\b10\\.(${64 + index}|${160 + index})\\.`);
  const mounts = textOf("/proc/self/mounts").split("\n");
  const sockets = textOf("/proc/net/unix").split("\n");
  return [
    ...links.filter((link) => new RegExp(`^(tsukube${index}$|tk${index}-)`).test(link)),
    ...(await lines("nft", "list", "tables")).filter((line) => new RegExp(` tsukube-${name}(-pods)?$`).test(line)),
    ...(await lines("ip", "route")).filter((line) => networks.test(line)),
    ...groupsOf(name),
    ...mounts.filter((line) => line.includes(`/tsukube/${name}/`)),
    ...sockets.filter((line) => line.includes(`/run/tsukube/${name}/`)),
    ...processesOf(name),
    ...(existsSync(`/run/tsukube/${name}`) ? [`/run/tsukube/${name}`] : []),
  ];
}

/** Its control groups, in whatever hierarchy. */
export function groupsOf(name: string): readonly string[] {
  return readdirSync("/sys/fs/cgroup", { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name === `tsukube-${name}`)
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Command lines of a cluster's supervisors, server, node, conmon and of what runs in its pods. */
function processesOf(name: string): readonly string[] {
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .map((pid) => ({ command: textOf(`/proc/${pid}/cmdline`), group: textOf(`/proc/${pid}/cgroup`) }))
    .filter(({ command, group }) => {
      const words = command.split("\0");
      const isProgram = words.some((word) => /\/(server|node)\.js$/.test(word)) && words.includes(name);
      return isProgram || command.includes(`/tsukube/${name}/`) || group.includes(`/tsukube-${name}/`);
    })
    .map(({ command }) => command.replaceAll("\0", " "));
}

/** "" for what is not there, or ended in between. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
