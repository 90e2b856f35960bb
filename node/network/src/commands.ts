import { run } from "@tsukube/kernel";

/** Runs the programs that shape the network; a test can stand in for it. */
export interface Commands {
  /** `ip -batch -` in the host's network namespace, or in the one pinned at `netns`. One command a line; stops at the first that fails. */
  ip(lines: readonly string[], netns?: string): Promise<void>;
  /** `nft -f -`: all of the script or nothing. */
  nft(script: string): Promise<void>;
}

export const systemCommands: Commands = {
  async ip(lines, netns) {
    const input = `${lines.join("\n")}\n`;
    if (netns === undefined) await run("ip", ["-batch", "-"], { input });
    else await run("nsenter", [`--net=${netns}`, "ip", "-batch", "-"], { input });
  },
  async nft(script) {
    await run("nft", ["-f", "-"], { input: script });
  },
};
