import { createHmac } from "node:crypto";
import type { Secret } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { signed } from "./plan.ts";

const NOW = Date.UTC(2025, 0, 1);

function token(fields: Readonly<Record<string, string>>): Secret {
  const all = {
    "token-id": "abcdef",
    "token-secret": "0123456789abcdef",
    "usage-bootstrap-signing": "true",
    ...fields,
  };
  const data = Object.fromEntries(
    Object.entries(all).map(([name, value]) => [name, Buffer.from(value).toString("base64")]),
  );
  return { metadata: { name: "bootstrap-token-abcdef" }, type: "bootstrap.kubernetes.io/token", data };
}

test("each token for signing signs the kubeconfig, so that who holds it can check the signature", () => {
  const { "jws-kubeconfig-abcdef": jws = "", kubeconfig } = signed({ kubeconfig: "k" }, [token({})], NOW);
  const [header = "", payload, mac] = jws.split(".");
  expect(JSON.parse(Buffer.from(header, "base64url").toString())).toEqual({ alg: "HS256", kid: "abcdef" });
  const wanted = createHmac("sha256", "0123456789abcdef").update(`${header}.${Buffer.from("k").toString("base64url")}`);
  expect([kubeconfig, payload, mac]).toEqual(["k", "", wanted.digest("base64url")]);
});

test("tokens that are not for signing, have ended or are no such tokens do not sign; old signatures go", () => {
  const others = [
    token({ "usage-bootstrap-signing": "false" }),
    token({ expiration: "2024-12-31T00:00:00Z" }),
    token({ "token-id": "ghijkl" }),
    { ...token({}), type: "Opaque" },
  ];
  expect(signed({ kubeconfig: "k", "jws-kubeconfig-gone": "x", more: "m" }, others, NOW)).toEqual({
    kubeconfig: "k",
    more: "m",
  });
});
