/** One of the media types that a client takes. */
export interface MediaRange {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly quality: number;
}

/** Parses an Accept header into ranges, best first (RFC 9110 section 12.5.1). Ranges that cannot be parsed are left out. */
export function parseAccept(header: string): readonly MediaRange[] {
  let ranges = parsed.get(header);
  if (ranges === undefined) {
    ranges = rangesOf(header);
    if (!isRemembered(header)) return ranges;
    if (parsed.size >= MOST_PARSED) parsed.clear();
    parsed.set(header, ranges);
  }
  return ranges;
}

/** Clients send the same few headers again and again. */
const parsed = new Map<string, readonly MediaRange[]>();
const MOST_PARSED = 256;
/** Longer ones are made up: what came of them would be a hundred times as large, for anybody who likes to fill memory. */
const LONGEST_REMEMBERED = 1000;

export function isRemembered(header: string): boolean {
  return header.length <= LONGEST_REMEMBERED;
}

function rangesOf(header: string): readonly MediaRange[] {
  const ranges = header.split(",").flatMap((text) => {
    const [type = "", ...rest] = text.split(";").map((part) => part.trim());
    if (!type.includes("/")) return [];
    const parameters = Object.fromEntries(rest.map((part) => splitOnce(part)));
    return [{ type: type.toLowerCase(), parameters, quality: Number(parameters["q"] ?? 1) }];
  });
  return ranges
    .map((range, index) => ({ range, index }))
    .sort((a, b) => b.range.quality - a.range.quality || a.index - b.index)
    .map(({ range }) => range);
}

function splitOnce(part: string): [string, string] {
  const at = part.indexOf("=");
  return at < 0 ? [part.toLowerCase(), ""] : [part.slice(0, at).toLowerCase(), part.slice(at + 1).replaceAll('"', "")];
}

/** Indented JSON for people: asked for, or a client that people type into. */
export function wantsPretty(
  headers: Readonly<Record<string, string>>,
  query: URLSearchParams,
  range: MediaRange,
): boolean {
  const asked = query.get("pretty") ?? range.parameters["pretty"];
  if (asked !== undefined && asked !== null) return /^(1|t|T|TRUE|true|True)$/.test(asked);
  return /^(curl|Wget|Mozilla)\//.test(headers["user-agent"] ?? "");
}
