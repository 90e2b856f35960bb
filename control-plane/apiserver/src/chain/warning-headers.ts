/** Characters of all warnings of an answer, past which each is cut. */
const MOST = 4096;
const MOST_OF_ONE = 256;

/**
 * `Warning` headers (RFC 7234 section 5.5) of an answer, in order, as upstream bounds them: once they are more than {@link MOST}
 * characters, those that there are are cut, and others are added cut until they are as many again. Texts that no header can
 * hold are left out.
 */
export function warningHeaders(texts: Iterable<string>): readonly string[] {
  const all = [...texts].filter((text) => text !== "" && !/\p{Cc}/u.test(text)).map((text) => [...text]);
  const most = withinFirst(all);
  const isCut = most < all.length;
  let size = 0;
  const told: string[] = [];
  for (const [index, text] of all.entries()) {
    if (index > most && size >= MOST) break;
    const shown = isCut ? text.slice(0, MOST_OF_ONE) : text;
    size += shown.length;
    told.push(`299 - "${shown.join("").replace(/["\\]/g, "\\$&")}"`);
  }
  return told;
}

/** How many come before the first that is too much. */
function withinFirst(all: readonly (readonly string[])[]): number {
  let size = 0;
  const first = all.findIndex((text) => (size += text.length) > MOST);
  return first < 0 ? all.length : first;
}
