import type { Command } from "commander";

/** What envtest runs, by KUBEBUILDER_ASSETS or TEST_ASSET_KUBE_APISERVER and its like. */
export function addEnvtestCommands(envtest: Command): void {
  envtest
    .command("assets")
    .description("write etcd, kube-apiserver and kubectl into a folder, for KUBEBUILDER_ASSETS")
    .argument("<folder>")
    .action(async (folder: string) => {
      const { writeAssets } = await import("./assets.ts");
      await writeAssets(folder);
    });
  const programs = {
    "kube-apiserver": async (args: readonly string[]) => (await import("./kube-apiserver.ts")).serveApi(args),
    etcd: async (args: readonly string[]) => (await import("./etcd.ts")).serveEtcd(args),
  };
  for (const [name, serve] of Object.entries(programs))
    envtest
      .command(name)
      .description(`what the ${name} of those assets runs`)
      .argument("[flags...]")
      .passThroughOptions()
      .allowUnknownOption()
      .helpOption(false)
      .action(serve);
}
