/** A command of docker, as a line of a shell calls it. */
export interface DockerCall {
  /** "run", "network create". */
  readonly verb: string;
  /** What stands before the image, or before the first word that is no flag, as docker has it: "-it", "--rm". */
  readonly flags: readonly string[];
}

/** Verbs with verbs of their own. */
const GROUPS = new Set(["network", "volume", "image", "container", "system", "builder", "context", "compose"]);

/** Pure: the calls of docker in a step, whose image is B. */
export function callsIn(step: string): readonly DockerCall[] {
  return commandsOf(wordsOf(step)).flatMap((words) => {
    const [program, first = "", second = "", ...rest] = words;
    if (program !== "docker" && program !== "tty") return [];
    if (GROUPS.has(first)) return [{ verb: `${first} ${second}`, flags: flagsIn(rest) }];
    return [{ verb: first, flags: flagsIn([second, ...rest]) }];
  });
}

/** Those before the image: what follows is the container's own. */
function flagsIn(words: readonly string[]): readonly string[] {
  const image = words.indexOf("B");
  const own = image < 0 ? words : words.slice(0, image);
  return own.filter((word) => /^--?[a-zA-Z]/.test(word)).flatMap((word) => lettersOf(word.split("=", 1)[0] ?? ""));
}

/** "-it" is "-i" and "-t". */
function lettersOf(flag: string): readonly string[] {
  return /^-[a-zA-Z]+$/.test(flag) ? [...flag.slice(1)].map((letter) => `-${letter}`) : [flag];
}

function commandsOf(words: readonly string[]): readonly (readonly string[])[] {
  const commands: string[][] = [[]];
  for (const word of words) {
    if (["|", ";", "&&"].includes(word)) commands.push([]);
    else commands.at(-1)?.push(word);
  }
  return commands;
}

/** Words as sh splits them; quoted ones are one, without the quotes, and are no operators. */
function wordsOf(line: string): readonly string[] {
  const found = line.matchAll(/((?:'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^\s'"\\|;&])+)|(\|\|?|;|&&?)/g);
  return [...found].map(([word]) => (/['"]/.test(word) ? ` ${word}`.replace(/['"]/g, "").trimStart() || "''" : word));
}
