import { CelCompileError } from "./cel-error.ts";
import { CelUint } from "./values.ts";

export interface Token {
  readonly type: "identifier" | "literal" | "operator" | "end";
  /** Of operators and identifiers. */
  readonly text: string;
  /** Of literals. */
  readonly value?: unknown;
  readonly at: number;
}

const OPERATORS = [..."&& || == != <= >= .? [? ?. ! < > + - * / % ( ) [ ] { } . , ? :".split(" ")].filter(
  (text) => text !== "?." && text !== "[?",
);
const NUMBER =
  /^(?:0[xX][0-9a-fA-F]+[uU]?|(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)|\d+[uU]?)/;
const WORD = /^(?:[A-Za-z_][A-Za-z0-9_]*|`[A-Za-z0-9_./-]+`)/;
const PREFIXED = /^([rRbB]{0,2})("""|'''|"|')/;

/** @throws {CelCompileError} */
export function tokenize(source: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < source.length) {
    const rest = source.slice(at);
    const blank = /^(?:\s+|\/\/[^\n]*)/.exec(rest);
    if (blank !== null) {
      at += blank[0].length;
      continue;
    }
    const token = next(source, rest, at);
    tokens.push(token.token);
    at += token.length;
  }
  return [...tokens, { type: "end", text: "<EOF>", at: source.length }];
}

function next(source: string, rest: string, at: number): { readonly token: Token; readonly length: number } {
  const quoted = PREFIXED.exec(rest);
  if (quoted !== null) {
    const { value, length } = stringLiteral(source, rest, at, quoted[1] ?? "", quoted[2] ?? "");
    return { token: { type: "literal", text: "", value, at }, length };
  }
  const number = NUMBER.exec(rest)?.[0];
  if (number !== undefined)
    return { token: { type: "literal", text: number, value: numberOf(source, number, at), at }, length: number.length };
  const word = WORD.exec(rest)?.[0];
  if (word !== undefined) return { token: wordToken(word, at), length: word.length };
  const operator = OPERATORS.find((text) => rest.startsWith(text));
  if (operator === undefined)
    throw new CelCompileError(source, at, `Syntax error: token recognition error at: '${rest.slice(0, 1)}'`);
  return { token: { type: "operator", text: operator, at }, length: operator.length };
}

function wordToken(word: string, at: number): Token {
  if (word === "true" || word === "false") return { type: "literal", text: word, value: word === "true", at };
  if (word === "null") return { type: "literal", text: word, value: null, at };
  if (word === "in") return { type: "operator", text: word, at };
  return { type: "identifier", text: word.replaceAll("`", ""), at };
}

function numberOf(source: string, text: string, at: number): unknown {
  if (/[.eE]/.test(text) && !/^0[xX]/.test(text)) return Number(text);
  if (/[uU]$/.test(text)) return new CelUint(BigInt(text.slice(0, -1)));
  const value = BigInt(text);
  // one more than the largest: the smallest is written with a minus before it
  if (value > 2n ** 63n) throw new CelCompileError(source, at, "invalid int literal");
  return value;
}

function stringLiteral(source: string, rest: string, at: number, prefix: string, quote: string) {
  const isRaw = /r/i.test(prefix);
  const isBytes = /b/i.test(prefix);
  let index = prefix.length + quote.length;
  let text = "";
  while (!rest.startsWith(quote, index)) {
    const character = rest[index];
    if (character === undefined || (quote.length === 1 && character === "\n"))
      throw new CelCompileError(source, at, `Syntax error: token recognition error at: '${rest.slice(0, 20)}'`);
    if (character === "\\" && !isRaw) {
      const escaped = escapeAt(rest, index);
      if (escaped === undefined) throw new CelCompileError(source, at + index, "Syntax error: illegal escape sequence");
      text += escaped.text;
      index += escaped.length;
    } else {
      text += character;
      index += 1;
    }
  }
  return { value: isBytes ? new TextEncoder().encode(text) : text, length: index + quote.length };
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "?": "?",
  '"': '"',
  "'": "'",
  "`": "`",
};

function escapeAt(rest: string, index: number): { readonly text: string; readonly length: number } | undefined {
  const simple = ESCAPES[rest[index + 1] ?? ""];
  if (simple !== undefined) return { text: simple, length: 2 };
  const coded = /^\\(?:[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))/.exec(
    rest.slice(index),
  );
  if (coded === null) return undefined;
  const hex = coded[1] ?? coded[2] ?? coded[3];
  const point = hex === undefined ? Number.parseInt(coded[4] ?? "0", 8) : Number.parseInt(hex, 16);
  return point > 0x10ffff ? undefined : { text: String.fromCodePoint(point), length: coded[0].length };
}
