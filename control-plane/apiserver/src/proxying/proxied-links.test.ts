import { expect, test } from "vitest";
import { type ProxiedPage, rewriteLink, rewriteLinks } from "./proxied-links.ts";

const page: ProxiedPage = { prefix: "/p/proxy", serverHost: "10.0.0.9:80", requestHost: "localhost:8001" };

test.each([
  ["/a/b?c=d#e", "/p/proxy/a/b?c=d#e"],
  ["/", "/p/proxy/"],
  ["a/b", "a/b"],
  ["?page=2", "?page=2"],
  ["#top", "#top"],
  ["mailto:a@b", "mailto:a@b"],
  ["/p/proxy/a", "/p/proxy/a"],
  ["http://10.0.0.9:80/a", "/p/proxy/a"],
  ["//10.0.0.9:80/a", "/p/proxy/a"],
  ["https://localhost:8001/a", "https://localhost:8001/p/proxy/a"],
  ["https://example.com/a", "https://example.com/a"],
  ["//example.com/a", "//example.com/a"],
])("a link to %s becomes %s", (link, through) => {
  expect(rewriteLink(link, page)).toBe(through);
});

test.each([
  ['<a href="/x">test</a>', '<a href="/p/proxy/x">test</a>'],
  ["<A class=b HREF = '/x' >", "<A class=b HREF = '/p/proxy/x' >"],
  ["<img src=/x.png alt='a > b'/>", "<img src=/p/proxy/x.png alt='a > b'/>"],
  ['<form action="/go?a=1&amp;b=2">', '<form action="/p/proxy/go?a=1&amp;b=2">'],
  ['<script src="/s.js">"<a href=\\"/x\\">"</script>', '<script src="/p/proxy/s.js">"<a href=\\"/x\\">"</script>'],
  ['<!-- <a href="/x"> -->', '<!-- <a href="/x"> -->'],
  ['<p title="/x">2 < 3 </p>', '<p title="/x">2 < 3 </p>'],
  ['<a data-href="/x">', '<a data-href="/x">'],
  ['<a href="/x"', '<a href="/x"'],
  ['<a title="it\'s" href="/x">', '<a title="it\'s" href="/p/proxy/x">'],
  ["<p it's><a href=/x>", "<p it's><a href=/p/proxy/x>"],
  ["<a href = ><a href=/x>", "<a href = ><a href=/p/proxy/x>"],
  ['<!-- --><a href="/x"><!-- <a href="/y">', '<!-- --><a href="/p/proxy/x"><!-- <a href="/y">'],
  ['<STYLE><a href="/x"></style ><a href="/y">', '<STYLE><a href="/x"></style ><a href="/p/proxy/y">'],
  ['<title><a href="/x">', '<title><a href="/x">'],
])("of %s the links change and nothing else", (html, through) => {
  expect(rewriteLinks(html, page)).toBe(through);
});

test.each(["<a ", "<a b='", '<a b="" ', "<!--", "<script>", "<a b=", "<", "<a b  "])(
  "a page of nothing but %j is gone over once",
  (piece) => {
    const html = piece.repeat(1_000_000 / piece.length);
    expect(rewriteLinks(html, page)).toBe(html);
  },
);
