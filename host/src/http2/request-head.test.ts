import { expect, test } from "vitest";
import { requestHead } from "./request-head.ts";

const ASKED = [":method", "GET", ":scheme", "https", ":path", "/version", ":authority", "api"];

test("fields that come again are joined, and one with a name that objects have is a field like others", () => {
  const more = ["accept", "a", "accept", "b", "authorization", "first", "authorization", "second", "constructor", "x"];
  expect(requestHead([...ASKED, ...more])?.headers).toEqual({
    accept: "a, b",
    authorization: "first",
    constructor: "x",
    host: "api",
  });
});

test.each([
  ["no path", ASKED.filter((field) => field !== ":path" && field !== "/version")],
  ["a pseudo-field after others", [...ASKED.slice(0, 6), "accept", "a", ":authority", "api"]],
  ["a field of HTTP/1.1 connections", [...ASKED, "connection", "close"]],
  ["a name in capitals", [...ASKED, "Accept", "a"]],
  ["a line break in a value", [...ASKED, "accept", "a\r\nb"]],
])("a head with %s is malformed", (_, fields) => {
  expect(requestHead(fields)).toBeUndefined();
});
