const KEYWORDS = new Set(
  (
    "true false null in as break const continue else for function if import let loop package namespace return var void " +
    "while"
  ).split(" "),
);

/** Whether expressions can name something so. */
export function isIdentifier(name: string): boolean {
  return /^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name) && !KEYWORDS.has(name);
}

/** The field that an escaped name stands for: `__if__` is "if", `a__dot__b` is "a.b". */
export function unescapeName(name: string): string {
  const keyword = /^__([a-z]+)__$/.exec(name)?.[1];
  if (keyword !== undefined && KEYWORDS.has(keyword)) return keyword;
  const parts = name
    .split("__underscores__")
    .map((part) => part.replaceAll("__dot__", ".").replaceAll("__dash__", "-").replaceAll("__slash__", "/"));
  return parts.join("__");
}
