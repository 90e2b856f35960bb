import { readFile, writeFile } from "node:fs/promises";
import { codeOf } from "@tsukube/foundation";
import { run, sysctlPath } from "@tsukube/kernel";

/** Runs the programs that shape the network; a test can stand in for it. */
export interface Commands {
  /** `ip -batch -`. One command a line; stops at the first that fails. */
  ip(lines: readonly string[]): Promise<void>;
  /** `nft -f -`: all of the script or nothing. */
  nft(script: string): Promise<void>;
  /** Hardware address of a link; undefined where there is no such link. */
  macOfLink(name: string): Promise<string | undefined>;
  /** Forgets where packets of UDP to a port were led: else who goes on sending stays led there. @param address "" or "0.0.0.0", "::" for IPv6; or that of this machine alone. */
  forgetFlows(address: string, port: number): Promise<void>;
  /** By name, such as "net.ipv4.ip_forward". */
  sysctl(key: string): Promise<string>;
  /** Does nothing where the link that it belongs to is gone. */
  setSysctl(key: string, value: string): Promise<void>;
}

/** In the network namespace of this process. */
export const systemCommands: Commands = {
  ...commandsAfter([]),
  async sysctl(key) {
    return (await readFile(fileOf(key), "utf8")).trim();
  },
  async setSysctl(key, value) {
    try {
      await writeFile(fileOf(key), value);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
    }
  },
};

/** In a pinned one, which this process does not enter. */
export function commandsWithin(netns: string): Commands {
  return commandsAfter(["nsenter", `--net=${netns}`]);
}

/** @param enter What is put before each program. */
function commandsAfter(enter: readonly string[]): Commands {
  const output = async (program: readonly string[], input = "", accept: readonly number[] = [0]) => {
    const [first = "", ...args] = [...enter, ...program];
    return run(first, args, { input, accept });
  };
  return {
    async ip(lines) {
      await output(["ip", "-batch", "-"], `${lines.join("\n")}\n`);
    },
    async nft(script) {
      await output(["nft", "-f", "-"], script);
    },
    async macOfLink(name) {
      const { code, stdout } = await output(["ip", "-o", "link", "show", "dev", name], "", [0, 1]);
      return code === 0 ? (/link\/ether (\S+)/.exec(stdout)?.[1] ?? "") : undefined;
    },
    async forgetFlows(address, port) {
      const isAny = ["", "0.0.0.0", "::"].includes(address);
      const where = [...(isAny ? [] : ["--orig-dst", address]), "--orig-port-dst", `${port}`];
      const family = address.includes(":") ? "ipv6" : "ipv4";
      await output(["conntrack", "-D", "-f", family, "-p", "udp", ...where], "", [0, 1]); // 1: there are none
    },
    async sysctl(key) {
      return (await output(["cat", fileOf(key)])).stdout.trim();
    },
    async setSysctl(key, value) {
      const script = 'test ! -e "$1" || printf %s "$2" > "$1"';
      await output(["sh", "-euc", script, "sh", fileOf(key), value]);
    },
  };
}

function fileOf(key: string): string {
  return `/proc/sys/${sysctlPath(key)}`;
}
