import { run } from "@tsukube/kernel";

/** Runs the programs that shape the network; a test can stand in for it. */
export interface Commands {
  /** `ip -batch -` in the host's network namespace. One command a line; stops at the first that fails. */
  ip(lines: readonly string[]): Promise<void>;
  /** `nft -f -`: all of the script or nothing. */
  nft(script: string): Promise<void>;
}

export const systemCommands: Commands = {
  async ip(lines) {
    await run("ip", ["-batch", "-"], { input: `${lines.join("\n")}\n` });
  },
  async nft(script) {
    await run("nft", ["-f", "-"], { input: script });
  },
};
