import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { Command } from "commander";
import { describe, expect, test } from "vitest";
import { completionFor, SHELLS, type Shell } from "./completion.ts";
import { addContainerCommands } from "./container-commands.ts";

/** What each shell is told, and how it is asked: the way in which it asks for the last of some words. */
const ASKED: Readonly<Record<Shell, (words: readonly string[]) => string>> = {
  bash: (words) =>
    `COMP_WORDS=(tsukube ${quoted(words)}); COMP_CWORD=${words.length}; _tsukube; printf '%s\n' "\${COMPREPLY[@]}"`,
  zsh: (words) =>
    `compadd() { shift; for each in $@; do case $each in ${words.at(-1)?.replace(/[^\w-]/g, "\\$&")}*) print -r -- $each;; esac; done }; _files() {}; words=(tsukube ${quoted(words)}); CURRENT=${words.length + 1}; _tsukube`,
  fish: (words) => `complete -C 'tsukube ${words.join(" ")}' | cut -f1`,
};

function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word}'`).join(" ");
}

function completed(shell: Shell, ...words: readonly string[]): readonly string[] {
  const root = new Command("tsukube").option("--name <name>").enablePositionalOptions();
  addContainerCommands(root, () => {
    throw new Error("not asked");
  });
  root.command("image").command("load");
  const before = shell === "zsh" ? "compdef() {}\n" : "";
  const script = `${before}${completionFor(root, shell)}\n${ASKED[shell](words)}`;
  const said = execFileSync(shell, ["-c", script], { encoding: "utf8", cwd: import.meta.dirname });
  return said.trim().split("\n").sort();
}

describe.each(SHELLS)("%s", (shell) => {
  const isThere = ["/bin", "/usr/bin"].some((folder) => existsSync(`${folder}/${shell}`));

  test.skipIf(!isThere)("completes commands, those below them, and their flags (needs the shell)", () => {
    expect(completed(shell, "cr")).toEqual(["create"]);
    expect(completed(shell, "image", "loa")).toEqual(["load"]);
    expect(completed(shell, "run", "--memory")).toEqual(["--memory", "--memory-reservation", "--memory-swap"]);
    expect(completed(shell, "--name", "other", "run", "--device-w")).toEqual([
      "--device-write-bps",
      "--device-write-iops",
    ]);
    expect(completed(shell, "rm", "--f")).toEqual(["--force"]);
  });
});

test("what is no command or flag is left to the shell", () => {
  expect(completed("bash", "run", "./fil")).toEqual([""]);
});
