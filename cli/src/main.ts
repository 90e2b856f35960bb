import { messageOf } from "@tsukube/foundation";
import { Command, InvalidArgumentError } from "commander";
import { commandContext } from "./commands/context.ts";
import { exitCodeOf } from "./exit-codes.ts";
import { useCompileCache } from "./processes/program.ts";

/** The `tsukube` command. Each subcommand loads its own code: `status` must not pay for `up`. */
function program(): Command {
  const root = new Command("tsukube")
    .description("A Kubernetes cluster in one command")
    .version("0.1.0 (Kubernetes v1.37.2)")
    .option("--name <name>", "which cluster of this host", "default")
    .enablePositionalOptions()
    .showHelpAfterError('(run "tsukube --help" for what there is)');
  const context = (command: Command) => commandContext((command.optsWithGlobals() as { name: string }).name);
  const name = ["--name <name>", "which cluster of this host"] as const;

  root
    .command("up")
    .description("start the cluster, or find it running; with PATH, an application in it")
    .argument("[path]", "manifests to apply: a file or a folder")
    .option(...name)
    .option("--no-node", "the control plane alone, without containers and without root")
    .option("--timings", "print when each step was done", false)
    .action(async (path: string | undefined, options: { node: boolean; timings: boolean }, command: Command) => {
      const { up } = await import("./commands/up.ts");
      await up(context(command), path === undefined ? options : { ...options, application: path });
    });

  root
    .command("down")
    .description("stop the cluster; its data stay")
    .option(...name)
    .option("--purge", "remove its data too", false)
    .action(async ({ purge }: { purge: boolean }, command: Command) => {
      const { down } = await import("./commands/down.ts");
      await down(context(command), purge);
    });

  root
    .command("status")
    .description("show whether the cluster runs, and what belongs to it")
    .option(...name)
    .option("-o, --output <format>", "text or json", oneOf("text", "json"), "text")
    .action(async ({ output }: { output: "text" | "json" }, command: Command) => {
      const { status } = await import("./commands/status.ts");
      if (!(await status(context(command), output))) process.exitCode = 1;
    });

  root
    .command("logs")
    .description("show the logs of the cluster's own processes")
    .argument("[component]", "server or node; both by default")
    .option(...name)
    .option("-f, --follow", "go on as lines come", false)
    .option("-n, --lines <n>", "how many lines of each", wholeNumber, 100)
    .action(
      async (
        component: string | undefined,
        { follow, lines }: { follow: boolean; lines: number },
        command: Command,
      ) => {
        const { logs } = await import("./commands/logs.ts");
        await logs(context(command), component, follow, lines);
      },
    );

  root
    .command("doctor")
    .description("look for what commonly goes wrong, and say what to do")
    .option(...name)
    .action(async (_options: object, command: Command) => {
      const { doctor } = await import("./commands/doctor.ts");
      if (!(await doctor(context(command)))) process.exitCode = 1;
    });

  root
    .command("kubectl")
    .description("run kubectl against the cluster")
    .argument("[args...]")
    .passThroughOptions()
    .allowUnknownOption()
    .helpOption(false)
    .action(async (args: string[], _options: object, command: Command) => {
      const { kubectl } = await import("./commands/kubectl.ts");
      process.exitCode = await kubectl(context(command), args);
    });
  return root;
}

function oneOf(...values: readonly string[]) {
  return (text: string): string => {
    if (!values.includes(text)) throw new InvalidArgumentError(`expected ${values.join(" or ")}`);
    return text;
  };
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("expected a whole number");
  return Number(text);
}

useCompileCache();
try {
  await program().parseAsync();
} catch (error) {
  process.stderr.write(`tsukube: ${messageOf(error)}\n`);
  process.exitCode = exitCodeOf(error);
}
