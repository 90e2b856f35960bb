/** A text without the `char`s at its end. A regular expression that does so looks from every one of them to the end. */
export function withoutEnd(text: string, char: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === char) end -= 1;
  return text.slice(0, end);
}
