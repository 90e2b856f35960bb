import { expect, test } from "vitest";
import { argumentsOf, dockerHostOf } from "./docker-host.ts";

test("Docker's API is not served over TCP without certificates of both sides, nor where no address is", () => {
  expect(dockerHostOf({})).toBeUndefined();
  expect(() => dockerHostOf({ dockerHost: "tcp://0.0.0.0:2375" })).toThrow(
    'Cannot serve Docker\'s API at "tcp://0.0.0.0:2375": who reaches it is root on this machine, expected --tlscacert',
  );
  const key = { tlskey: import.meta.filename, tlscert: import.meta.filename, tlscacert: import.meta.filename };
  expect(() => dockerHostOf({ dockerHost: "tcp://[::1]", ...key })).toThrow("expected PEM files");
  for (const dockerHost of ["unix:///x", "tcp://", "tcp://a:99999", "http://a:1", "tcp://a:1/x"])
    expect(() => dockerHostOf({ dockerHost, ...key })).toThrow("expected a --docker-host like tcp://127.0.0.1:2376");
  expect(() => dockerHostOf(key)).toThrow("expected a --docker-host");
  expect(() => dockerHostOf({ dockerHost: "tcp://a", tlscert: "/nosuch" })).toThrow("there is no such file");
});

test("files of certificates are found from any folder", () => {
  expect(argumentsOf({ dockerHost: "tcp://a", tlskey: "/k" })).toEqual(["--docker-host", "tcp://a", "--tlskey", "/k"]);
  expect(argumentsOf({ tlscert: "c" })).toEqual(["--tlscert", `${process.cwd()}/c`]);
});
