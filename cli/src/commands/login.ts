import { text } from "node:stream/consumers";
import { codeOf, TsukubeError } from "@tsukube/foundation";
import { EngineClient } from "../cluster/engine-client.ts";
import { filesOf } from "../cluster/paths.ts";
import { ownLogins } from "../registry/login-headers.ts";
import { HUB, type Login, serverOf } from "../registry/registry-logins.ts";
import { ask } from "./ask.ts";
import type { CommandContext } from "./context.ts";

export interface LoginFlags {
  readonly username?: string;
  readonly password?: string;
  readonly passwordStdin: boolean;
}

/** `tsukube login [SERVER]`: the engine asks the registry whether it takes the login; then it is kept where docker keeps it. */
export async function login(context: CommandContext, server: string | undefined, flags: LoginFlags): Promise<void> {
  const serveraddress = addressOf(server);
  const logins = ownLogins();
  const given = await wanted(serveraddress, flags);
  const answer = await new EngineClient(filesOf(context.paths).dockerSocket).call<{
    readonly Status: string;
    readonly IdentityToken?: string;
  }>("POST", "/auth", given);
  const place = await logins.keep({ ...given, identitytoken: answer?.IdentityToken ?? "" });
  if (place !== undefined)
    process.stderr.write(
      `tsukube: the password is kept unencrypted in ${place}; a credential helper ("credsStore" there) would keep it safer\n`,
    );
  context.print(answer?.Status ?? "");
}

/** `tsukube logout [SERVER]`. */
export async function logout(context: CommandContext, server: string | undefined): Promise<void> {
  const address = addressOf(server);
  const found = await ownLogins().forget(address);
  context.print(found ? `Removed the login at ${shown(address)}` : `There is no login at ${shown(address)}`);
}

/** Without a path, which no login has; the hub by default. */
function addressOf(server: string | undefined): string {
  if (server === undefined || server === HUB) return HUB;
  return serverOf(server.replace(/^https?:\/\//, "").replace(/\/.*$/, ""));
}

function shown(address: string): string {
  return address === HUB ? "docker.io" : address;
}

async function wanted(serveraddress: string, flags: LoginFlags): Promise<Login> {
  const { passwordStdin, ...given } = flags;
  if (passwordStdin && (given.username === undefined || given.password !== undefined))
    throw new TsukubeError("usage", "Cannot log in: --password-stdin goes with --username, and without --password");
  const username = given.username ?? (await asked(`User name at ${shown(serveraddress)}: `, false));
  const password = passwordStdin
    ? (await text(process.stdin)).replace(/\r?\n$/, "")
    : (given.password ?? (await asked("Password: ", true)));
  if (username === "" || password === "")
    throw new TsukubeError("usage", "Cannot log in: expected a user name and a password");
  return { username, password, serveraddress };
}

async function asked(question: string, hidden: boolean): Promise<string> {
  try {
    return await ask(question, hidden);
  } catch (error) {
    if (codeOf(error) !== "no-terminal") throw error;
    throw new TsukubeError("usage", "Cannot ask who logs in: no terminal, expected --username and --password-stdin");
  }
}
