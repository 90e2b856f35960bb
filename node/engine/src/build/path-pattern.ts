/**
 * Patterns of paths as .dockerignore and COPY have them: Go's filepath.Match, with `**` for any number of folders.
 * The pattern is cleaned first: "/a/", "./a" and "a" are the same.
 */
export function pathPattern(pattern: string): RegExp {
  const parts = cleanPattern(pattern).split("/");
  let source = "";
  for (const [index, part] of parts.entries()) {
    const last = index === parts.length - 1;
    if (part === "**") source += last ? ".+" : "(?:[^/]+/)*";
    else source += segment(part) + (last ? "" : "/");
  }
  return new RegExp(`^${source}$`, "s");
}

/** Without what changes nothing: leading slashes, "." and trailing slashes; ".." never leads out. */
export function cleanPattern(pattern: string): string {
  const out: string[] = [];
  for (const part of pattern.trim().split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") out.pop();
    else out.push(part);
  }
  return out.join("/");
}

export function hasWildcard(pattern: string): boolean {
  return /[*?[]/.test(pattern);
}

function segment(part: string): string {
  let out = "";
  for (let at = 0; at < part.length; at++) {
    const char = part[at] as string;
    if (char === "*") out += "[^/]*";
    else if (char === "?") out += "[^/]";
    else if (char === "[" && part.includes("]", at + 2)) {
      const close = part.indexOf("]", at + 2);
      const inside = part
        .slice(at + 1, close)
        .replaceAll("\\", "\\\\")
        .replaceAll("[", "\\[");
      out += `[${inside.replace(/^[!^]/, "^")}]`;
      at = close;
    } else if (char === "\\" && at + 1 < part.length) out += quoted(part[++at] as string);
    else out += quoted(char);
  }
  return out;
}

function quoted(char: string): string {
  return char.replace(/[.*+?^${}()|[\]\\/]/, "\\$&");
}
