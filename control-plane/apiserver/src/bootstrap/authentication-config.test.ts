import { realClock, systemRandom } from "@tsukube/host";
import { createAuthorityKeys } from "@tsukube/host/certificates";
import { expect, test } from "vitest";
import { dataOf, joined } from "./authentication-config.ts";

const past = { ...realClock, now: () => Date.parse("1990-01-01T00:00:00Z") };
const certificate = async (name: string, clock = realClock) =>
  (await createAuthorityKeys(name, clock, systemRandom)).cert;
const [a, b, front, old] = await Promise.all([
  certificate("a"),
  certificate("b"),
  certificate("front"),
  certificate("old", past),
]);
const now = realClock.now();
const withFront = dataOf({ clientCa: a, frontProxyCa: front }, true);

test.each([
  ["another client CA", { clientCa: b, frontProxyCa: front }, true, `${a}${b}`],
  ["no front proxy CA", { clientCa: b, frontProxyCa: undefined }, true, `${a}${b}`],
  ["no client CA", { clientCa: undefined, frontProxyCa: front }, true, a],
  ["no header of UIDs", { clientCa: a, frontProxyCa: front }, false, a],
  ["a client CA out of date", { clientCa: old, frontProxyCa: front }, true, a],
  ["the same client CA with other line ends", { clientCa: a.replaceAll("\n", "\r\n"), frontProxyCa: front }, true, a],
])("two servers of one cluster agree whom to believe: the second has %s", (_, trusted, hasUid, clientCa) => {
  const other = dataOf(trusted, hasUid);
  const both = joined(other, joined(withFront, {}, now), now);
  expect(both).toEqual({ ...withFront, "client-ca-file": clientCa });
  expect(joined(withFront, both, now)).toEqual(both);
  expect(joined(other, both, now)).toEqual(both);
});

test("headers are named with the authority of the front proxy only", () => {
  const own = dataOf({ clientCa: a, frontProxyCa: undefined }, true);
  expect(joined(own, { "requestheader-group-headers": '["X-Group"]', other: "x" }, now)).toEqual(own);
  expect(joined(own, { ...withFront, "requestheader-client-ca-file": old }, now)).toEqual(own);
});
