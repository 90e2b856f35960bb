const VALUE = "value: ";

/**
 * What a field error says without the value or the diff in it, if that is one of upstream's own Go types: members begin
 * with capitals there. Undefined for other errors.
 */
export function withoutGoValue(error: string): string | undefined {
  const diff = error.indexOf("\n");
  if (diff >= 0) return error.slice(0, diff);
  const without = withoutValue(error);
  return without !== undefined && /[[{,]"[A-Z]\w*":/.test(error) ? without : undefined;
}

/** What a field error says without the object or list, or the diff of two, that it shows. */
export function withoutAnyValue(error: string): string {
  const diff = error.indexOf("\n");
  return diff >= 0 ? error.slice(0, diff) : (withoutValue(error) ?? error);
}

function withoutValue(error: string): string | undefined {
  const start = error.indexOf(VALUE) + VALUE.length;
  if (start < VALUE.length || !/[[{]/.test(error[start] ?? "")) return undefined;
  return error.slice(0, start) + error.slice(endOfJson(error, start));
}

/** Where the JSON ends that begins at `start`. */
function endOfJson(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const character = text[at]!;
    if (character === '"') at = endOfString(text, at);
    else if ("[{".includes(character)) depth += 1;
    else if ("]}".includes(character)) depth -= 1;
    if (depth === 0) return at + 1;
  }
  return text.length;
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === '"') return at;
  }
  return text.length;
}
