/** Where a page was asked for, and where it comes from. */
export interface ProxiedPage {
  /** "/api/v1/namespaces/shop/pods/web/proxy": what stands before the page's own paths. */
  readonly prefix: string;
  /** Of the server behind the proxy, as a URL has it: "10.64.0.9:8080". */
  readonly serverHost: string;
  /** That the client named, "" when it named none. */
  readonly requestHost: string;
}

/** Attributes whose values are links, by tag. */
const LINKS: Readonly<Record<string, readonly string[]>> = {
  a: ["href"],
  applet: ["codebase"],
  area: ["href"],
  audio: ["src"],
  base: ["href"],
  blockquote: ["cite"],
  body: ["background"],
  button: ["formaction"],
  command: ["icon"],
  del: ["cite"],
  embed: ["src"],
  form: ["action"],
  frame: ["longdesc", "src"],
  head: ["profile"],
  html: ["manifest"],
  iframe: ["longdesc", "src"],
  img: ["longdesc", "src", "usemap"],
  input: ["src", "usemap", "formaction"],
  ins: ["cite"],
  link: ["href"],
  object: ["classid", "codebase", "data", "usemap"],
  q: ["cite"],
  script: ["src"],
  source: ["src"],
  video: ["poster", "src"],
};

/** Elements whose content is text: what looks like a tag in there is none. */
const TEXT_ELEMENTS = new Set(["script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"]);

const TAG_NAME = /[a-z][^\s/>]*/iy;
const GAP = /[\s/]*/y;
const ATTRIBUTE_NAME = /[^\s/>][^\s/>=]*/y;
const EQUALS = /\s*=\s*/y;
const VALUE = /"[^"]*"|'[^']*'|[^\s>"'][^\s>]*/y;

interface Attribute {
  readonly name: string;
  /** Where its value stands, with its quotes. */
  readonly from: number;
  readonly to: number;
}

interface Tag {
  readonly name: string;
  readonly attributes: readonly Attribute[];
  /** After its ">". */
  readonly end: number;
}

/**
 * Makes the links of a page that lead to the root of its server lead there through the proxy; all else stays as it is. Goes over the page
 * once, with the tokenizer's rules for tags (HTML, section 13.2.5): what is opened and not closed reaches to the end, and holds no link.
 */
export function rewriteLinks(html: string, page: ProxiedPage): string {
  const out: string[] = [];
  let copied = 0;
  for (const { name, attributes } of tagsOf(html)) {
    const links = LINKS[name] ?? [];
    for (const { name: attribute, from, to } of attributes) {
      if (!links.includes(attribute)) continue;
      out.push(html.slice(copied, from), rewriteValue(html.slice(from, to), page));
      copied = to;
    }
  }
  return out.join("") + html.slice(copied);
}

function rewriteValue(value: string, page: ProxiedPage): string {
  const quote = /^["']/.exec(value)?.[0] ?? "";
  return `${quote}${rewriteLink(value.slice(quote.length, value.length - quote.length), page)}${quote}`;
}

/** The opening tags of a page. */
function* tagsOf(html: string): Generator<Tag, void> {
  for (let at = html.indexOf("<"); at >= 0; at = html.indexOf("<", at)) {
    if (html.startsWith("!--", at + 1)) {
      const end = html.indexOf("-->", at + 2);
      if (end < 0) return;
      at = end;
      continue;
    }
    const name = matched(TAG_NAME, html, at + 1)?.toLowerCase();
    if (name === undefined) {
      at += 1;
      continue;
    }
    const tag = tagAt(html, name, at + 1 + name.length);
    if (tag === undefined) return;
    yield tag;
    at = TEXT_ELEMENTS.has(name) ? closingTag(html, name, tag.end) : tag.end;
  }
}

/** @param at After the tag's name. @returns undefined when the page ends before the tag does. */
function tagAt(html: string, name: string, at: number): Tag | undefined {
  const attributes: Attribute[] = [];
  let end = at;
  const take = (pattern: RegExp): string => {
    const text = matched(pattern, html, end) ?? "";
    end += text.length;
    return text;
  };
  for (take(GAP); html[end] !== ">"; take(GAP)) {
    const attribute = take(ATTRIBUTE_NAME).toLowerCase();
    if (attribute === "") return undefined;
    if (take(EQUALS) === "") continue;
    const from = end;
    const isQuoted = html[from] === '"' || html[from] === "'";
    if (take(VALUE) !== "") attributes.push({ name: attribute, from, to: end });
    else if (isQuoted) return undefined;
  }
  return { name, attributes, end: end + 1 };
}

/** Where the closing tag of an element of text begins; the end of the page when it has none. */
function closingTag(html: string, name: string, at: number): number {
  const pattern = new RegExp(`</${name}[\\s/>]`, "gi");
  pattern.lastIndex = at;
  return pattern.exec(html)?.index ?? html.length;
}

function matched(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** A link of the page, or where it redirects to. Relative ones, those of other servers and those through the proxy stay. */
export function rewriteLink(link: string, { prefix, serverHost, requestHost }: ProxiedPage): string {
  const [, origin = "", host = "", path = ""] = /^((?:https?:)?\/\/([^/?#]*))?(.*)$/s.exec(link) ?? [];
  if (!path.startsWith("/") || (host !== "" && host !== serverHost && host !== requestHost)) return link;
  const kept = host !== "" && host === requestHost ? origin : "";
  return path.startsWith(prefix) ? `${kept}${path}` : `${kept}${prefix}${path}`;
}
