/** Which bits a mode has for whom. */
const SHIFTS: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };
const BITS: Readonly<Record<string, number>> = { r: 4, w: 2, x: 1 };
const CLAUSE = /^([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)$/;
const ACTION = /([-+=])([ugo]|[rwxXst]*)/g;

/** Changes a mode: to what digits say, or as chmod(1) reads "u+x,go=rX". */
export type ModeChange = (mode: number, isFolder: boolean) => number;

/** @returns undefined for what is no mode. */
export function modeChange(text: string): ModeChange | undefined {
  if (/^[0-7]{1,4}$/.test(text)) return () => Number.parseInt(text, 8);
  const clauses = text.split(",").map((clause) => CLAUSE.exec(clause));
  if (clauses.includes(null)) return undefined;
  return (mode, isFolder) =>
    clauses.reduce((now, clause) => {
      const [, who = "", actions = ""] = clause ?? [];
      return [...actions.matchAll(ACTION)].reduce(
        (each, [, operator = "", what = ""]) =>
          applied(each, who === "" || who.includes("a") ? "ugo" : who, operator, what, isFolder),
        now,
      );
    }, mode & 0o7777);
}

function applied(mode: number, who: string, operator: string, what: string, isFolder: boolean): number {
  let given = 0;
  let all = 0;
  for (const person of who) {
    const shift = SHIFTS[person] ?? 0;
    all |= 7 << shift;
    given |= bitsOf(mode, what, isFolder) << shift;
    if (what.includes("s") && person !== "o") given |= person === "u" ? 0o4000 : 0o2000;
  }
  if (what.includes("t")) given |= 0o1000;
  if (operator === "+") return mode | given;
  return operator === "-" ? mode & ~given : (mode & ~all) | given;
}

function bitsOf(mode: number, what: string, isFolder: boolean): number {
  const copied = SHIFTS[what]; // "g=u"
  if (copied !== undefined) return (mode >> copied) & 7;
  const runs = isFolder || (mode & 0o111) !== 0;
  return [...what].reduce((bits, letter) => bits | (letter === "X" ? (runs ? 1 : 0) : (BITS[letter] ?? 0)), 0);
}
