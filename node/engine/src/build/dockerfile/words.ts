/** Splits at white space outside of quotes; the quotes stay (`ENV a="b c" d=e`). */
export function splitWords(text: string, escapeChar: string): readonly string[] {
  const words: string[] = [];
  let word = "";
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (quote === "" && /\s/.test(char)) {
      if (word !== "") words.push(word);
      word = "";
    } else if (char === escapeChar && quote !== "'" && at + 1 < text.length) {
      word += char + (text[++at] as string);
    } else {
      if (quote === "" && (char === '"' || char === "'")) quote = char;
      else if (char === quote) quote = "";
      word += char;
    }
  }
  if (word !== "") words.push(word);
  return words;
}

/** A name and its value, as they are written. */
export type Pair = readonly [name: string, value: string];

/** "a=b c=d", or the old "a b c", whose value is the rest of the line. undefined when a word has no value. */
export function splitPairs(text: string, escapeChar: string): readonly Pair[] | undefined {
  const words = splitWords(text, escapeChar);
  const [first = ""] = words;
  if (!first.includes("=")) {
    const rest = text.trim().slice(first.length).trim();
    return rest === "" ? undefined : [[first, rest]];
  }
  const pairs = words.map((word): Pair => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]);
  return words.every((word) => word.indexOf("=") > 0) ? pairs : undefined;
}
