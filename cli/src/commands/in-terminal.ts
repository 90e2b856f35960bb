import { spawn } from "node:child_process";
import { once } from "node:events";

/**
 * Runs a program in our place: on our terminal, ended when we are. @returns its exit code.
 * @throws ENOENT when there is no such program.
 */
export async function runInTerminal(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<number> {
  const child = spawn(command, [...args], { stdio: "inherit", env });
  process.on("SIGINT", () => {}); // a terminal sends it to both: the program decides
  process.once("SIGTERM", () => child.kill("SIGTERM"));
  const [code] = (await once(child, "close")) as [number | null];
  return code ?? 1;
}
