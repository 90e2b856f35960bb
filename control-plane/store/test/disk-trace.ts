/** What a program did to one file and said on its standard output, as strace(1) saw it. */
type DiskEvent =
  /** Begins when the call does; from its end on it lies in the page cache. */
  | {
      readonly type: "write";
      readonly began: number;
      readonly at: number;
      readonly data: Buffer;
      readonly durable: boolean;
    }
  /** What was written before it began is durable when it ends. */
  | { readonly type: "sync"; readonly began: number }
  | { readonly type: "said"; readonly text: string };

/** Calls in the order of their ends. `ended` is the number of the line. */
export interface DiskCall {
  readonly ended: number;
  readonly event: DiskEvent;
}

interface Call {
  readonly began: number;
  readonly name: string;
  readonly args: string;
}

/** The calls to follow: anything else that changes a file would be missed. */
export const FOLLOWED = "openat,lseek,write,writev,pwrite64,pwritev,pwritev2,fdatasync,fsync,msync,ftruncate";

/** @param text Of `strace -f -y -xx -s BIG`. @param path The file. */
export function parseTrace(text: string, path: string): readonly DiskCall[] {
  const open = new Map<string, Call>();
  const synchronous = new Set<string>();
  const places = new Map<string, number>();
  const out: DiskCall[] = [];
  for (const [ended, line] of text.split("\n").entries()) {
    const [, pid = "", rest = ""] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    const begun = /^(\w+)\((.*) <unfinished \.\.\.>$/.exec(rest);
    if (begun !== null) {
      open.set(pid, { began: ended, name: begun[1]!, args: begun[2]! });
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)\)\s+= (.*)$/.exec(rest);
    const whole = /^(\w+)\((.*)\)\s+= (.*)$/.exec(rest);
    const before = resumed === null ? undefined : open.get(pid);
    if (before !== undefined) open.delete(pid);
    const call = before ?? { began: ended, name: whole?.[1] ?? "", args: "" };
    const args = before === undefined ? (whole?.[2] ?? "") : before.args + resumed![1]!;
    const result = (resumed?.[2] ?? whole?.[3] ?? "").split("<")[0]!.trim();
    if (call.name === "openat" && args.includes("O_DSYNC")) synchronous.add(result);
    if (call.name === "lseek") places.set(args.split("<")[0]!, Number(result));
    const event = eventOf({ ...call, args }, path, synchronous, places);
    if (event !== undefined && !result.startsWith("-1")) out.push({ ended, event });
  }
  return out;
}

function eventOf(
  { name, args, began }: Call,
  path: string,
  synchronous: ReadonlySet<string>,
  places: ReadonlyMap<string, number>,
): DiskEvent | undefined {
  const [, fd = "", file = ""] = /^(\d+)<((?:\\x[0-9a-f]{2}|[^>])*)>/.exec(args) ?? [];
  if (name === "write" && fd === "1") return { type: "said", text: bytesIn(args).toString() };
  if (textOf(file) !== path) return undefined;
  const durable = synchronous.has(fd);
  switch (name) {
    case "pwrite64":
      return { type: "write", began, data: bytesIn(args), at: Number(/(\d+)$/.exec(args)?.[1]), durable };
    case "pwritev":
    case "pwritev2":
      return { type: "write", began, data: bytesIn(args), at: Number(/(\d+)$/.exec(args)?.[1]), durable };
    case "fdatasync":
    case "fsync":
    case "msync":
      return { type: "sync", began };
    case "writev":
    case "write":
      return { type: "write", began, data: bytesIn(args), at: places.get(fd) ?? 0, durable };
    default:
      return undefined;
  }
}

/** Of every quoted string of the arguments, one after the other. */
function bytesIn(args: string): Buffer {
  const strings = [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex = ""]) => hex.replaceAll("\\x", ""));
  return Buffer.from(strings.join(""), "hex");
}

function textOf(text: string): string {
  return text.replaceAll(/\\x([0-9a-f]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
