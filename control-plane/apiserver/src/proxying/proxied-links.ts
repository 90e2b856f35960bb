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

/** Comments; elements whose content is text, from their opening tag on; other opening tags. */
const TOKEN =
  /<!--[\s\S]*?-->|<(script|style|textarea|title|xmp|iframe|noembed|noframes)\b(?:"[^"]*"|'[^']*'|[^'">])*>[\s\S]*?<\/\1\s*>|<[a-z][^\s/>]*(?:"[^"]*"|'[^']*'|[^'">])*>/gi;
const OPENING_TAG = /^<([a-z][^\s/>]*)((?:"[^"]*"|'[^']*'|[^'">])*)>/i;
const ATTRIBUTE = /([^\s"'>/=]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)/g;

/** Makes the links of a page that lead to the root of its server lead there through the proxy; all else stays as it is. */
export function rewriteLinks(html: string, page: ProxiedPage): string {
  return html.replace(TOKEN, (token) =>
    token.replace(OPENING_TAG, (whole: string, tag: string, attributes: string) => {
      const links = LINKS[tag.toLowerCase()];
      return links === undefined ? whole : `<${tag}${rewriteAttributes(attributes, links, page)}>`;
    }),
  );
}

function rewriteAttributes(attributes: string, links: readonly string[], page: ProxiedPage): string {
  return attributes.replace(ATTRIBUTE, (whole, name: string, equals: string, value: string) => {
    if (!links.includes(name.toLowerCase())) return whole;
    const quote = /^["']/.exec(value)?.[0] ?? "";
    const link = value.slice(quote.length, value.length - quote.length);
    return `${name}${equals}${quote}${rewriteLink(link, page)}${quote}`;
  });
}

/** A link of the page, or where it redirects to. Relative ones, those of other servers and those through the proxy stay. */
export function rewriteLink(link: string, { prefix, serverHost, requestHost }: ProxiedPage): string {
  const [, origin = "", host = "", path = ""] = /^((?:https?:)?\/\/([^/?#]*))?(.*)$/s.exec(link) ?? [];
  if (!path.startsWith("/") || (host !== "" && host !== serverHost && host !== requestHost)) return link;
  const kept = host !== "" && host === requestHost ? origin : "";
  return path.startsWith(prefix) ? `${kept}${path}` : `${kept}${prefix}${path}`;
}
