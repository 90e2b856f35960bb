import { TsukubeError } from "@tsukube/foundation";
import { run } from "@tsukube/kernel";

export interface ProcessList {
  readonly Titles: readonly string[];
  readonly Processes: readonly (readonly string[])[];
}

/** What ps(1) says of some processes of this machine. @param args Of ps, such as "-ef". @throws {TsukubeError} `invalid`. */
export async function listProcesses(pids: readonly number[], args: string): Promise<ProcessList> {
  if (/(^|\s)-?[A-Za-z]*[cO]\b.*=|;|&|\|/.test(args))
    throw new TsukubeError("invalid", `invalid ps arguments: ${args}`);
  const { stdout, code, stderr } = await run(
    "ps",
    args.split(/\s+/).filter((arg) => arg !== ""),
    { accept: [0, 1] },
  );
  if (code !== 0 && stdout === "") throw new TsukubeError("invalid", `ps: ${stderr.trim().split("\n", 1)[0] ?? ""}`);
  const [head = "", ...lines] = stdout.split("\n").filter((line) => line !== "");
  const titles = head.trim().split(/\s+/);
  const column = titles.indexOf("PID");
  if (column === -1) throw new TsukubeError("invalid", "Couldn't find PID field in ps output");
  const rows = lines.map((line) => fieldsOf(line, titles.length));
  return { Titles: titles, Processes: rows.filter((row) => pids.includes(Number(row[column]))) };
}

/** The last column, the command, may hold blanks. */
function fieldsOf(line: string, count: number): readonly string[] {
  const words = line.trim().split(/\s+/);
  return [...words.slice(0, count - 1), words.slice(count - 1).join(" ")];
}
