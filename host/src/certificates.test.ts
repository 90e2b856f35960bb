import { createPrivateKey, X509Certificate } from "node:crypto";
import { expect, test } from "vitest";
import { createAuthorityKeys, openAuthority } from "./certificates.ts";
import { realClock } from "./clock.ts";
import { systemRandom } from "./random.ts";

test("an authority's server certificate verifies, carries its names and fits its key", async () => {
  const keys = await createAuthorityKeys("tsukube", realClock, systemRandom);
  const authority = await openAuthority(keys, realClock, systemRandom);
  const pair = await authority.issue({
    commonName: "kube-apiserver",
    sans: ["localhost", "10.0.0.1"],
    usages: ["server"],
  });
  const certificate = new X509Certificate(pair.cert);
  expect(certificate.verify(new X509Certificate(keys.cert).publicKey)).toBe(true);
  expect(certificate.checkHost("localhost")).toBe("localhost");
  expect(certificate.checkIP("10.0.0.1")).toBe("10.0.0.1");
  expect(certificate.checkPrivateKey(createPrivateKey(pair.key))).toBe(true);
});

test("a client certificate names its user and every group", async () => {
  const authority = await openAuthority(
    await createAuthorityKeys("ca", realClock, systemRandom),
    realClock,
    systemRandom,
  );
  const { cert } = await authority.issue({ commonName: "admin", organizations: ["a", "b"], usages: ["client"] });
  expect(new X509Certificate(cert).subject).toBe("O=a\nO=b\nCN=admin");
});
