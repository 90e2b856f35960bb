import { expect, test } from "vitest";
import { checkWishes } from "./checked-wishes.ts";
import type { CreateDocument } from "./documents.ts";

const published = (HostIp: string, HostPort = "80"): CreateDocument => ({
  HostConfig: { PortBindings: { "80/tcp": [{ HostIp, HostPort }] } },
});

test.each([
  [{ Hostname: "a/b" }, "invalid hostname: a/b"],
  [{ Domainname: "a\n127.0.0.1 b" }, "invalid hostname: a"],
  [{ MacAddress: "02:42:ac" }, "address 02:42:ac: invalid MAC address"],
  [{ NetworkingConfig: { EndpointsConfig: { shop: { MacAddress: "a\nb" } } } }, "invalid MAC address"],
  [{ HostConfig: { ShmSize: -1 } }, "SHM size can not be less than 0"],
  [{ HostConfig: { OomScoreAdj: -1001 } }, "Invalid value -1001, range for oom score adj is [-1000, 1000]"],
  [{ HostConfig: { ExtraHosts: ["db"] } }, 'bad format for add-host: "db"'],
  [{ HostConfig: { ExtraHosts: ["db:1.2.3"] } }, 'invalid IP address in add-host: "1.2.3"'],
  [{ HostConfig: { Dns: ["dns.example"] } }, "invalid IP address: dns.example"],
  [published("::1"), "Cannot publish a port on ::1: the kernel leads nobody from there"],
  [published("localhost"), "invalid IP address: localhost"],
  [published("", "x"), 'invalid published port: "x"'],
  [published("", "9-8"), 'invalid published port: "9-8"'],
  [published("", "-1"), 'invalid published port: "-1"'],
])("%j is refused before anything is made", (wish, message) => {
  expect(() => checkWishes(wish, 2)).toThrow(message);
});

const named: CreateDocument = { HostConfig: { ExtraHosts: ["a:::1", "b:[::1]", "c:host-gateway"], Dns: ["::1"] } };
test.each([
  named,
  { Hostname: "web_1.example", MacAddress: "02:42:AC:11:00:02" },
  published("127.0.0.1"),
  published("::", ""),
  published("0.0.0.0", "80-90"),
])("%j can be", (wish) => expect(checkWishes(wish, 2)).toBeUndefined());
