import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

/** What each room may import besides itself, as docs/ARCHITECTURE.md draws it. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  foundation: [],
  host: ["foundation"],
  api: ["foundation"],
  client: ["api", "host", "foundation"],
  "control-plane/store": ["host", "foundation"],
  "control-plane/apiserver": ["control-plane/store", "client", "api", "host", "foundation"],
  "control-plane/controllers": ["client", "api", "host", "foundation"],
  "control-plane/scheduler": ["client", "api", "host", "foundation"],
  "node/contracts": ["host", "foundation"],
  "node/kernel": ["host", "foundation"],
  "node/kubelet": ["node/contracts", "node/kernel", "client", "api", "host", "foundation"],
  "node/engine": ["node/contracts", "node/kernel", "host", "foundation"],
  "node/network": ["node/contracts", "node/kernel", "client", "api", "host", "foundation"],
  "node/proxy": ["node/contracts", "node/kernel", "client", "api", "host", "foundation"],
  dns: ["client", "api", "host", "foundation"],
  registry: ["host", "foundation"],
  cli: ["*"],
  testing: ["*"],
  e2e: ["*"],
  tools: ["*"],
};

/** Heavy modules and the rooms that may load them: a process pays only for what it needs. */
const HEAVY: Readonly<Record<string, readonly string[]>> = {
  lmdb: ["control-plane/store", "tools"],
  koffi: ["node/kernel"],
  "@grpc/grpc-js": ["host"],
  protobufjs: ["host"],
  "@peculiar/x509": ["host"],
  bcryptjs: ["registry"],
};

/** Time and randomness come injected, except in these rooms. Tests, benchmarks and tools may use the real ones. */
const REAL_TIME_ROOMS = ["host", "testing", "tools", "e2e"];
const REAL_TIME =
  /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|(?<!\.)\bset(?:Timeout|Interval)\(|node:timers|AbortSignal\.timeout|\bMath\.random\(|\brandom(?:Bytes|UUID|Int)\b|\bgetRandomValues\b/;

export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** Reads every source file and lists imports and uses of time that the house forbids. `files` proves that it saw some. */
export function checkBoundaries(root: string): { readonly files: number; readonly violations: readonly Violation[] } {
  const violations: Violation[] = [];
  let files = 0;
  const rooms = Object.keys(MAY_IMPORT);
  const packages = new Map(rooms.map((room) => [packageName(root, room), room]));
  for (const room of rooms) {
    for (const file of sources(join(root, room))) {
      files += 1;
      checkFile(relative(root, file), readFileSync(file, "utf8"), room, packages, violations);
    }
  }
  return { files, violations };
}

function packageName(root: string, room: string): string {
  return (JSON.parse(readFileSync(join(root, room, "package.json"), "utf8")) as { name: string }).name;
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/\/(node_modules|dist|generated)\//.test(path));
}

function checkFile(
  file: string,
  text: string,
  room: string,
  packages: ReadonlyMap<string, string>,
  violations: Violation[],
): void {
  const isTest = /\.(test|bench)\.ts$|\/test\/|\/conformance/.test(file);
  text.split("\n").forEach((source, index) => {
    const report = (message: string): number => violations.push({ file, line: index + 1, message });
    const target = /(?:\bfrom|\bimport|^import)\s*\(?\s*"([^"]+)"/.exec(source)?.[1];
    if (target !== undefined) checkImport(target, room, packages, isTest, report);
    if (target?.startsWith(".") && !normalize(join(dirname(file), target)).startsWith(`${room}/`))
      report(`"${target}" is in another room: import its package`);
    if (!isTest && !REAL_TIME_ROOMS.includes(room) && REAL_TIME.test(source) && !/^\s*(\/\/|\*|\/\*)/.test(source)) {
      report("time and randomness are injected: take a Clock or a Random");
    }
  });
}

function checkImport(
  target: string,
  room: string,
  packages: ReadonlyMap<string, string>,
  isTest: boolean,
  report: (message: string) => number,
): void {
  const name = target.startsWith("@") ? target.split("/").slice(0, 2).join("/") : (target.split("/")[0] ?? "");
  const heavy = HEAVY[name];
  if (heavy !== undefined && !heavy.includes(room) && !isTest)
    report(`"${name}" is loaded only in ${heavy.join(", ")}`);
  if (!name.startsWith("@tsukube/")) return;
  const to = packages.get(name);
  if (to === undefined) report(`"${name}" is no room of the house`);
  else if (to !== room && !allowed(room, to, isTest))
    report(`${room} may not import ${to}: imports run downwards only`);
}

/** Tests of a component may stand on the API server and the store, which they exercise for real. */
function allowed(room: string, to: string, isTest: boolean): boolean {
  const may = MAY_IMPORT[room] ?? [];
  return may.includes("*") || may.includes(to) || isTest;
}
