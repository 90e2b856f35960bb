import { createRequire } from "node:module";
import { TsukubeError } from "@tsukube/foundation";
import type Koffi from "koffi";

type Argument = string | number | bigint | Uint8Array | Int32Array | readonly (string | null)[] | null;

interface Bound {
  (...args: Argument[]): number;
  readonly async: (...args: [...Argument[], (error: Error | null, result: number) => void]) => void;
}

let loaded: typeof Koffi | undefined;
let library: ReturnType<typeof Koffi.load> | undefined;
const functions = new Map<string, Bound>();

/** Loaded at its first use: most commands do without. */
function koffi(): typeof Koffi {
  loaded ??= createRequire(import.meta.url)("koffi") as typeof Koffi;
  return loaded;
}

/** A function of the C library by its prototype, bound at its first use: importing this module loads nothing. */
export function libc(prototype: string): (...args: Argument[]) => number {
  const known = functions.get(prototype);
  if (known !== undefined) return known;
  library ??= koffi().load("libc.so.6");
  const bound = library.func(prototype) as unknown as Bound;
  functions.set(prototype, bound);
  return bound;
}

/** The same on a thread of its own, for what waits in the kernel. Buffers among the arguments are not to be touched meanwhile. */
export function libcAside(prototype: string): (...args: Argument[]) => Promise<number> {
  const bound = libc(prototype) as Bound;
  return (...args) =>
    new Promise((resolve, reject) =>
      bound.async(...args, (error, result) => (error === null ? resolve(result) : reject(error))),
    );
}

/** The name of the error that the last call left, such as "ENOENT". */
export function lastError(): string {
  return errorName(koffi().errno());
}

/** Such as "ENOENT" of 2. */
export function errorName(errno: number): string {
  return Object.entries(koffi().os.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
}

/** Throws with the errno's name as code when `result` is -1; `action` reads like `mount "/a"`. */
export function check(result: number, action: string): number {
  if (result !== -1) return result;
  const code = lastError();
  throw new TsukubeError(code, `Cannot ${action}: the kernel answered ${code}`);
}
