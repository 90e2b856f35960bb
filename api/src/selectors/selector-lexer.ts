/** The tokens of the label selector grammar. Every other run of characters is an identifier. */
type TokenKind = "identifier" | "in" | "notin" | "=" | "==" | "!=" | "!" | ">" | "<" | "(" | ")" | "," | "end";

export interface SelectorToken {
  readonly kind: TokenKind;
  readonly text: string;
}

const SPECIAL = new Set(["=", "!", "(", ")", ",", ">", "<"]);
const SPACE = new Set([" ", "\t", "\r", "\n"]);
const TWO_CHARACTER: ReadonlySet<string> = new Set(["==", "!="]);

/** Splits a selector; the last token is always "end". Never throws. */
export function tokenize(text: string): SelectorToken[] {
  const tokens: SelectorToken[] = [];
  let at = 0;
  while (at < text.length) {
    if (SPACE.has(text[at]!)) {
      at++;
      continue;
    }
    const length = SPECIAL.has(text[at]!) ? operatorLength(text, at) : identifierLength(text, at);
    const part = text.slice(at, at + length);
    tokens.push(SPECIAL.has(text[at]!) ? { kind: part as TokenKind, text: part } : word(part));
    at += length;
  }
  tokens.push({ kind: "end", text: "" });
  return tokens;
}

/** The longest operator here: "==" and "!=" before "=" and "!". */
function operatorLength(text: string, at: number): number {
  return TWO_CHARACTER.has(text.slice(at, at + 2)) ? 2 : 1;
}

function identifierLength(text: string, at: number): number {
  let end = at;
  while (end < text.length && !SPECIAL.has(text[end]!) && !SPACE.has(text[end]!)) end++;
  return end - at;
}

function word(part: string): SelectorToken {
  return { kind: part === "in" || part === "notin" ? part : "identifier", text: part };
}
