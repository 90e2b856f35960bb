import type { Command } from "commander";
import type { CommandContext } from "./commands/context.ts";
import type { LoginFlags } from "./commands/login.ts";

/** Logins at registries. */
export function addLoginCommands(root: Command, context: (command: Command) => CommandContext): void {
  const name = ["--name <name>", "which cluster or engine of this host"] as const;
  root
    .command("login")
    .description("log in to a registry, for pulls, pushes and builds; the login is kept where docker keeps it")
    .argument("[server]", "such as registry.example.com:5000; docker.io by default")
    .option(...name)
    .option("-u, --username <name>", "asked for by default")
    .option("-p, --password <password>", "asked for by default; others may see it in the list of processes")
    .option("--password-stdin", "read the password from standard input", false)
    .action(async (server: string | undefined, flags: LoginFlags, command: Command) => {
      const { login } = await import("./commands/login.ts");
      await login(context(command), server, flags);
    });
  root
    .command("logout")
    .description("forget the login at a registry")
    .argument("[server]", "docker.io by default")
    .option(...name)
    .action(async (server: string | undefined, _options: object, command: Command) => {
      const { logout } = await import("./commands/login.ts");
      await logout(context(command), server);
    });
}
