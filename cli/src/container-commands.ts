import type { Command } from "commander";
import type { ExecOptions } from "./commands/containers.ts";
import type { CommandContext } from "./commands/context.ts";
import type { RunOptions } from "./commands/run-container.ts";
import { several } from "./option-values.ts";
import { addRunOptions } from "./run-options.ts";

/** What people do with containers where there is no docker command. */
export function addContainerCommands(root: Command, context: (command: Command) => CommandContext): void {
  const commands = () => import("./commands/containers.ts");
  const cluster = ["--name <name>", "which cluster or engine of this host, before the subcommand"] as const;
  const addRun = (verb: string, description: string): Command =>
    addRunOptions(root.command(verb).description(description).argument("<image>").argument("[command...]"))
      .passThroughOptions()
      .option("--rm", "remove the container when it ends")
      .helpOption("--help");
  addRun("run", "run a command in a new container of this engine")
    .option("-d, --detach", "print the container's id, and leave it running")
    .action(async (image: string, words: string[], options: RunOptions) =>
      (await commands()).runContainer(context(root), image, words, options),
    );
  addRun("create", "make a container, and print its id; start begins it").action(
    async (image: string, words: string[], options: RunOptions) =>
      (await commands()).createContainer(context(root), image, words, options),
  );
  root
    .command("ps")
    .description("list this engine's containers (those of pods are the kubelet's)")
    .option(...cluster)
    .option("-a, --all", "also those that do not run", false)
    .option("-q, --quiet", "ids alone", false)
    .action(async ({ all, quiet }: { all: boolean; quiet: boolean }, command: Command) =>
      (await commands()).listContainers(context(command), all, quiet),
    );
  root
    .command("exec")
    .description("run a command in a running container")
    .argument("<container>")
    .argument("<command...>")
    .passThroughOptions()
    .option("-d, --detach", "do not wait for it")
    .option("-i, --interactive", "connect standard input")
    .option("-t, --tty", "with a terminal")
    .option("-e, --env <name=value>", "a variable; may be repeated", several, [])
    .option("-u, --user <user>", "name or number, with :group")
    .option("-w, --workdir <folder>", "where the command starts")
    .action(async (container: string, words: string[], options: ExecOptions, command: Command) =>
      (await commands()).execInContainer(context(command), container, words, options),
    );
  root
    .command("attach")
    .description("connect to the streams of a running container")
    .argument("<container>")
    .option(...cluster)
    .action(async (container: string, _options: object, command: Command) =>
      (await commands()).attachToContainer(context(command), container),
    );
  root
    .command("inspect")
    .description("show containers as JSON")
    .argument("<container...>")
    .option(...cluster)
    .action(async (names: string[], _options: object, command: Command) =>
      (await commands()).inspectContainers(context(command), names),
    );
  for (const [action, { what, option }] of Object.entries(CONTAINER_ACTIONS)) {
    const verb = root
      .command(action)
      .description(`${what} containers`)
      .argument("<container...>")
      .option(...cluster);
    if (option !== undefined) verb.option(...option);
    verb.action(async (names: string[], { time, signal }: { time?: string; signal?: string }, command: Command) => {
      const query = new URLSearchParams({
        ...(time !== undefined && { t: time }),
        ...(signal !== undefined && { signal }),
      });
      await (await commands()).eachContainer(context(command), names, "POST", `/${action}?${query}`);
    });
  }
  root
    .command("rm")
    .description("remove containers")
    .argument("<container...>")
    .option(...cluster)
    .option("-f, --force", "also those that run", false)
    .option("-v, --volumes", "with their anonymous volumes", false)
    .action(async (names: string[], { force, volumes }: { force: boolean; volumes: boolean }, command: Command) =>
      (await commands()).eachContainer(context(command), names, "DELETE", `?force=${force}&v=${volumes}`),
    );
}

const TIME = ["-t, --time <seconds>", "how long they have to end by themselves; 10 by default"] as const;

const CONTAINER_ACTIONS: Readonly<
  Record<string, { readonly what: string; readonly option?: readonly [flags: string, description: string] }>
> = {
  start: { what: "start" },
  stop: { what: "stop", option: TIME },
  restart: { what: "stop and start", option: TIME },
  kill: { what: "end at once", option: ["-s, --signal <signal>", "to send, in place of KILL: HUP, 15"] },
  pause: { what: "freeze" },
  unpause: { what: "let go on" },
};
