import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { inputsOf } from "./build-inputs.ts";

const folder = mkdtempSync(join(tmpdir(), "tsukube-inputs-"));
afterAll(() => rmSync(folder, { recursive: true }));

const secrets = (flag: string, env: NodeJS.ProcessEnv = {}): Readonly<Record<string, string>> => {
  const found = inputsOf({ secret: [flag], ssh: [] }, env)?.secrets ?? {};
  return Object.fromEntries(Object.entries(found).map(([id, text]) => [id, Buffer.from(text, "base64").toString()]));
};

test("a secret is a file's content or a variable's value", () => {
  const file = join(folder, "token");
  writeFileSync(file, "of the file\n");
  expect(secrets(`id=token,src=${file}`)).toEqual({ token: "of the file\n" });
  expect(secrets(`type=file,id=token,source=${file}`)).toEqual({ token: "of the file\n" });
  expect(secrets("id=token,env=TOKEN", { TOKEN: "of the variable" })).toEqual({ token: "of the variable" });
  expect(secrets("type=env,id=TOKEN", { TOKEN: "same name" })).toEqual({ TOKEN: "same name" });
  expect(secrets("id=TOKEN", { TOKEN: "same name" })).toEqual({ TOKEN: "same name" });
  for (const flag of ["src=x", "id=", "id=a,src=/nowhere", "id=a,env=UNSET", "id=a,mode=4"])
    expect(() => secrets(flag)).toThrow(`Cannot use --secret ${flag}`);
  expect(inputsOf({ secret: [], ssh: [] }, {})).toBeUndefined();
});

test("an agent is the one of the shell, or a socket; a key is none", async () => {
  const socket = join(folder, "agent");
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const agents = (flag: string, env: NodeJS.ProcessEnv = {}) => inputsOf({ secret: [], ssh: [flag] }, env)?.agents;
  expect(agents("default", { SSH_AUTH_SOCK: socket })).toEqual({ default: socket });
  expect(agents(`work=${socket}`)).toEqual({ work: socket });
  writeFileSync(join(folder, "key"), "PRIVATE");
  expect(() => agents("default")).toThrow("SSH_AUTH_SOCK is not set");
  expect(() => agents(`default=${folder}/key`)).toThrow("is no socket");
  server.close();
});
