import { expect, test } from "vitest";
import { checkWishes } from "./checked-wishes.ts";
import type { CreateDocument } from "./documents.ts";

const published = (HostIp: string, HostPort = "80"): CreateDocument => ({
  HostConfig: { PortBindings: { "80/tcp": [{ HostIp, HostPort }] } },
});

test.each([
  [{ Hostname: "a/b" }, "invalid hostname: a/b"],
  [{ Domainname: "a\n127.0.0.1 b" }, "invalid hostname: a"],
  [published("::1"), "Cannot publish a port on ::1: the kernel leads nobody from there"],
  [published("localhost"), "invalid IP address: localhost"],
  [published("", "x"), 'invalid published port: "x"'],
  [published("", "9-8"), 'invalid published port: "9-8"'],
  [published("", "-1"), 'invalid published port: "-1"'],
])("%j is refused before anything is made", (wish, message) => {
  expect(() => checkWishes(wish, 2)).toThrow(message);
});

test.each([{ Hostname: "web_1.example" }, published("127.0.0.1"), published("::", ""), published("0.0.0.0", "80-90")])(
  "%j can be",
  (wish) => expect(checkWishes(wish, 2)).toBeUndefined(),
);
