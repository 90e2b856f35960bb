import { expect, test } from "vitest";
import { buildCredentialsIn, credentialsIn, registryAt } from "./registry-auth-header.ts";

const encoded = (document: unknown): string => Buffer.from(JSON.stringify(document)).toString("base64url");

test("credentials come in docker's words, and none are none", () => {
  expect(credentialsIn(encoded({ username: "ali", password: "?>~", serveraddress: "host", auth: "" }))).toEqual({
    username: "ali",
    password: "?>~",
  });
  expect(credentialsIn(encoded({ identitytoken: "I", registrytoken: "R" }))).toEqual({
    identityToken: "I",
    registryToken: "R",
  });
  for (const none of [undefined, "", "e30=", encoded(null)]) expect(credentialsIn(none)).toEqual({});
  for (const bad of ["%", encoded([]), encoded("x")])
    expect(() => credentialsIn(bad)).toThrow("Cannot read the header X-Registry-Auth");
});

test("a build has credentials by registry", () => {
  const find = buildCredentialsIn(
    encoded({ "https://index.docker.io/v1/": { username: "hub" }, "https://host:5000/v2/": { username: "host" } }),
  );
  expect(find("docker.io")).toEqual({ username: "hub" });
  expect(find("host:5000")).toEqual({ username: "host" });
  expect(find("other")).toEqual({});
});

test("a server's address leads to its registry", () => {
  expect(["", "https://index.docker.io/v1/", "docker.io", "http://localhost:5000"].map(registryAt)).toEqual([
    ...["docker.io", "docker.io", "docker.io", "localhost:5000"],
  ]);
});
