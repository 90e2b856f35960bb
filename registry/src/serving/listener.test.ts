import { get } from "node:https";
import { text } from "node:stream/consumers";
import { realClock, systemRandom } from "@tsukube/host";
import { createAuthorityKeys, openAuthority } from "@tsukube/host/certificates";
import { expect, test } from "vitest";
import { RegistryUnderTest } from "../registry-under-test.ts";

test("with a certificate a registry speaks TLS, and nothing else", async () => {
  const keys = await createAuthorityKeys("tests", realClock, systemRandom);
  const authority = await openAuthority(keys, realClock, systemRandom);
  const pair = await authority.issue({ commonName: "registry", sans: ["127.0.0.1"], usages: ["server"] });
  const registry = await RegistryUnderTest.start();
  try {
    const port = await registry.registry.listen("127.0.0.1", 0, pair);
    const said = new Promise<string>((resolve, reject) => {
      const request = get(`https://127.0.0.1:${port}/v2/`, { ca: keys.cert, agent: false }, (answer) =>
        resolve(text(answer)),
      );
      request.once("error", reject);
    });
    expect(await said).toBe("{}");
    await expect(fetch(`http://127.0.0.1:${port}/v2/`)).rejects.toThrow();
  } finally {
    await registry.close();
  }
});
