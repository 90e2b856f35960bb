/** A part of a list, and where the next one begins. */
export interface Page<T> {
  readonly items: readonly T[];
  /** For the `Link` header (RFC 8288): "</v2/app/tags/list?n=2&last=b>; rel="next""; absent at the end. */
  readonly link?: string;
}

interface Wish {
  /** How many at most; all by default. */
  readonly limit?: number;
  /** The name after which it begins. */
  readonly last?: string;
}

/**
 * The wished part of an ordered list.
 * @param nameOf What `last` means.
 * @param url Of the request: the next page has the same parameters.
 */
export function pageOf<T>(
  all: readonly T[],
  { limit, last }: Wish,
  nameOf: (item: T) => string,
  order: (a: string, b: string) => number,
  url: URL,
): Page<T> {
  const rest = last === undefined ? all : all.filter((item) => order(nameOf(item), last) > 0);
  const items = limit === undefined ? rest : rest.slice(0, limit);
  const end = items.at(-1);
  if (items.length === rest.length || end === undefined) return { items };
  const next = new URL(url);
  next.searchParams.set("n", String(limit));
  next.searchParams.set("last", nameOf(end));
  return { items, link: `<${next.pathname}${next.search}>; rel="next"` };
}
