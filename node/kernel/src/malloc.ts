import { libc } from "./libc.ts";

/** Gives the free pages of malloc's heaps back to the kernel, as malloc_trim(3): they are fragmented, it seldom does so itself. */
export function trimMalloc(): void {
  libc("int malloc_trim(size_t)")(0);
}
