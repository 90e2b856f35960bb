import { codeOf, messageOf, TsukubeError } from "@tsukube/foundation";
import { diskFull, isDiskFull } from "../../images/transfer-errors.ts";
import type { DockerContainer } from "./container-record.ts";

/** Why a container could not be started, in the words and with the exit code that Docker's clients look for. */
export interface StartFailure {
  readonly exitCode: 126 | 127 | 128;
  readonly error: TsukubeError;
}

const PREFIX = "failed to create task for container: failed to create shim task: OCI runtime create failed";

/** Why a container could not be started: what its client is told, and the exit code that it has from now on. */
export function startError(
  { name, command }: Pick<DockerContainer, "name" | "command">,
  cause: unknown,
): { readonly exitCode: number; readonly error: TsukubeError } {
  if (isDiskFull(cause)) return { exitCode: 128, error: diskFull(`start container "${name}"`, cause) };
  const code = codeOf(cause) ?? "";
  if (["create-failed", "no-such-user"].includes(code)) return startFailure(messageOf(cause), command[0] ?? "");
  const message =
    code === "port-taken"
      ? `driver failed programming external connectivity on endpoint ${name}: ${messageOf(cause)}`
      : messageOf(cause);
  return { exitCode: 128, error: new TsukubeError(CLIENTS_OWN.includes(code) ? code : "failed", message, { cause }) };
}

/** What the client could have done better stays its error. */
const CLIENTS_OWN: readonly string[] = ["invalid", "not-found", "conflict", "unsupported", "forbidden"];

/** @param message Of the OCI runtime. @param program The first word of the container's command. */
export function startFailure(message: string, program: string): StartFailure {
  const plain = message.replace(/^Cannot run the container: /, "");
  if (/executable file .* not found|open executable: No such file|no such file or directory: .*exec/i.test(plain)) {
    const what = program.includes("/")
      ? `exec: "${program}": stat ${program}: no such file or directory`
      : `exec: "${program}": executable file not found in $PATH`;
    return failure(127, `${PREFIX}: unable to start container process: ${what}: unknown`);
  }
  if (/permission denied|not executable|operation not permitted/i.test(plain) && plain.includes("exec"))
    return failure(126, `${PREFIX}: unable to start container process: exec: "${program}": permission denied: unknown`);
  if (/is a directory/i.test(plain))
    return failure(126, `${PREFIX}: unable to start container process: exec: "${program}": is a directory: unknown`);
  const folder = /^chdir `(.*)`: No such file or directory/i.exec(plain)?.[1];
  if (folder !== undefined)
    return failure(
      127,
      `${PREFIX}: unable to start container process: chdir to cwd ("${folder}") set in config.json failed: no such file or directory: unknown`,
    );
  const user = /^Cannot run as (user|group) "(.*)": not in/.exec(plain);
  if (user !== null)
    return failure(
      126,
      `unable to find ${user[1]} ${user[2]}: no matching entries in ${user[1] === "user" ? "passwd" : "group"} file`,
    );
  return failure(128, `${PREFIX}: ${plain}`);
}

function failure(exitCode: StartFailure["exitCode"], message: string): StartFailure {
  return { exitCode, error: new TsukubeError(exitCode === 128 ? "failed" : "invalid", message) };
}
