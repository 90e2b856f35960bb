import { run } from "./programs.ts";

/** Runs nftables scripts. */
export interface Nftables {
  /** `nft -f -`: the whole script or nothing. @throws with nft's message. */
  apply(script: string): Promise<void>;
  /** `nft -j list <what>`: the objects, without the metainfo; empty when what is asked for does not exist. */
  list(what: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

export const systemNftables: Nftables = {
  async apply(script) {
    await run("nft", ["-f", "-"], { input: script });
  },
  async list(what) {
    const { stdout, code } = await run("nft", ["-j", "list", ...what.split(" ")], { accept: [0, 1] });
    if (code !== 0) return [];
    const { nftables } = JSON.parse(stdout) as { nftables: Record<string, unknown>[] };
    return nftables.filter((entry) => !("metainfo" in entry));
  },
};
