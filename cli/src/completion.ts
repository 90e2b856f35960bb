import type { Command } from "commander";

/** A script for bash that completes commands and flags, as they are; other words are completed as files. */
export function completionFor(root: Command): string {
  const commands = withPaths(root, "");
  const paths = commands.filter(([path]) => path !== "").map(([path]) => `'${path}'`);
  const words = commands.map(([path, command]) => `    '${path}') words='${wordsOf(command).join(" ")}' ;;`);
  const lines = [
    "_tsukube() {",
    '  local current="${COMP_WORDS[COMP_CWORD]}" path="" words="" word',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    '    case "${path:+$path }$word" in',
    `      ${paths.join("|")}) path="\${path:+$path }$word" ;;`,
    "    esac",
    "  done",
    '  case "$path" in',
    ...words,
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    "}",
    "complete -o default -F _tsukube tsukube",
  ];
  return `${lines.join("\n")}\n`;
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
