import { execFileSync } from "node:child_process";
import { Command } from "commander";
import { expect, test } from "vitest";
import { completionFor } from "./completion.ts";
import { addContainerCommands } from "./container-commands.ts";

function completed(...words: readonly string[]): readonly string[] {
  const root = new Command("tsukube").option("--name <name>").enablePositionalOptions();
  addContainerCommands(root, () => {
    throw new Error("not asked");
  });
  root.command("image").command("load");
  const typed = words.map((word) => `'${word}'`).join(" ");
  const ask = `COMP_WORDS=(tsukube ${typed}); COMP_CWORD=${words.length}; _tsukube; echo "\${COMPREPLY[*]}"`;
  const said = execFileSync("bash", ["-c", `${completionFor(root)}\n${ask}`], { encoding: "utf8" });
  return said.trim().split(" ").sort();
}

test("bash completes commands, those below them, and their flags", () => {
  expect(completed("cr")).toEqual(["create"]);
  expect(completed("image", "")).toEqual(["--help", "load"]);
  expect(completed("run", "--memory")).toEqual(["--memory", "--memory-reservation", "--memory-swap"]);
  expect(completed("--name", "other", "run", "--device-w")).toEqual(["--device-write-bps", "--device-write-iops"]);
  expect(completed("rm", "-")).toContain("--force");
});

test("what is no command or flag is left to the shell", () => {
  expect(completed("run", "./fil")).toEqual([""]);
});
