import type { Command } from "commander";

/** Shells that there are scripts for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** A script that completes commands and flags, as they are; other words are completed as files. */
export function completionFor(root: Command, shell: Shell): string {
  const commands = withPaths(root, "").map(([path, command]) => ({ path, words: wordsOf(command).join(" ") }));
  return `${SCRIPTS[shell](commands).join("\n")}\n`;
}

/** What may follow the words of a command. */
interface Followed {
  /** "" for none: "image load". */
  readonly path: string;
  readonly words: string;
}

const SCRIPTS: Readonly<Record<Shell, (commands: readonly Followed[]) => readonly string[]>> = {
  bash: (commands) => [
    "_tsukube() {",
    '  local current="${COMP_WORDS[COMP_CWORD]}" place="" words="" word',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    ...following(commands),
    "  done",
    ...wordsBelow(commands),
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    "}",
    "complete -o default -F _tsukube tsukube",
  ],
  zsh: (commands) => [
    "#compdef tsukube",
    "_tsukube() {",
    '  local current="${words[CURRENT]}" place="" found="" word',
    '  for word in "${(@)words[2,CURRENT-1]}"; do',
    ...following(commands),
    "  done",
    ...wordsBelow(commands, "found"),
    "  compadd -- ${=found} || _files",
    "}",
    "compdef _tsukube tsukube",
  ],
  fish: (commands) => [
    "function __tsukube_words",
    "  set -l place ''",
    "  set -l typed (commandline -opc)",
    "  set -e typed[1]",
    "  for word in $typed",
    '    switch (string trim -- "$place $word")',
    `      case ${pathsOf(commands).join(" ")}`,
    '        set place (string trim -- "$place $word")',
    "    end",
    "  end",
    '  switch "$place"',
    ...commands.map(({ path, words }) => `    case '${path}'\n      string split ' ' -- '${words}'`),
    "  end",
    "end",
    "complete -c tsukube -a '(__tsukube_words)'",
  ],
};

/** As sh has it: the words of the command that the line has so far. */
function following(commands: readonly Followed[]): readonly string[] {
  return [
    '    case "${place:+$place }$word" in',
    `      ${pathsOf(commands).join("|")}) place="\${place:+$place }$word" ;;`,
    "    esac",
  ];
}

/** The same, and what may follow there. */
function wordsBelow(commands: readonly Followed[], variable = "words"): readonly string[] {
  return [
    '  case "$place" in',
    ...commands.map(({ path, words }) => `    '${path}') ${variable}='${words}' ;;`),
    "  esac",
  ];
}

function pathsOf(commands: readonly Followed[]): readonly string[] {
  return commands.filter(({ path }) => path !== "").map(({ path }) => `'${path}'`);
}

/** Each command with the words that lead to it. */
function withPaths(command: Command, path: string): readonly (readonly [string, Command])[] {
  const below = command.commands.flatMap((each) =>
    withPaths(each, path === "" ? each.name() : `${path} ${each.name()}`),
  );
  return [[path, command], ...below];
}

function wordsOf(command: Command): readonly string[] {
  const flags = command.options.flatMap(({ short, long }) => [short, long]).filter((flag) => flag !== undefined);
  return [...command.commands.map((each) => each.name()), ...flags, "--help"];
}
