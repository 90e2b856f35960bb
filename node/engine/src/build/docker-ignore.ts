import { existsSync } from "node:fs";
import { cleanPattern, pathPattern } from "./path-pattern.ts";

interface Rule {
  readonly matcher: RegExp;
  readonly negated: boolean;
}

/** What a .dockerignore leaves out of a build context (Dockerfile reference, ".dockerignore file"). */
export class DockerIgnore {
  readonly #rules: readonly Rule[];

  /** @param text Of the file. @param always Paths that stay whatever it says: the Dockerfile itself. */
  constructor(text: string, always: readonly string[] = []) {
    const lines = text
      .replace(/^\uFEFF/, "")
      .split(/\r?\n/)
      .filter((line) => line.trim() !== "" && !line.startsWith("#"));
    this.#rules = [...lines, ...always.map((path) => `!${path}`)].map((line) => {
      const negated = line.trim().startsWith("!");
      return { negated, matcher: pathPattern(negated ? line.trim().slice(1) : line) };
    });
  }

  /** Whether a path, "src/main.ts", is left out: by itself, or with a folder above it. The last rule that fits decides. */
  ignores(path: string): boolean {
    const parts = cleanPattern(path).split("/");
    const paths = parts.map((_, index) => parts.slice(0, index + 1).join("/"));
    let ignored = false;
    for (const { matcher, negated } of this.#rules)
      if (ignored === negated && paths.some((candidate) => matcher.test(candidate))) ignored = !negated;
    return ignored;
  }

  /** Whether nothing below an ignored folder can be kept after all. */
  get isFinal(): boolean {
    return !this.#rules.some((rule) => rule.negated);
  }
}

/** The file that says what a context leaves out: that of the Dockerfile alone, or the folder's. */
export function ignoreFile(context: string, dockerfile: string): string | undefined {
  const files = [`${context}/${dockerfile}.dockerignore`, `${context}/.dockerignore`];
  return files.find((file) => existsSync(file));
}
