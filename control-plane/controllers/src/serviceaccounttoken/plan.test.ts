import type { Secret, ServiceAccount } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { accountNameOf, base64, plan } from "./plan.ts";

const TYPE = "kubernetes.io/service-account-token";
const account: ServiceAccount = { metadata: { name: "robot", namespace: "default", uid: "u" } };
const secret = (annotations: Record<string, string> = {}, data: Record<string, string> = {}): Secret => ({
  type: TYPE,
  metadata: {
    name: "s",
    namespace: "default",
    annotations: { "kubernetes.io/service-account.name": "robot", ...annotations },
  },
  data,
});
const whole = { token: base64("t"), namespace: base64("default"), "ca.crt": base64("CA") };
const known = { "kubernetes.io/service-account.uid": "u" };

test("only Secrets of the type that name an account are for tokens", () => {
  expect(accountNameOf(secret())).toBe("robot");
  expect(accountNameOf({ ...secret(), type: "Opaque" })).toBeUndefined();
  expect(accountNameOf({ type: TYPE, metadata: { name: "s" } })).toBeUndefined();
});

test("a new one learns whose it is, where it is, and whom to trust, and needs a token", () => {
  const planned = plan(secret({}, { mine: "MA==" }), account, "CA");
  expect(planned).toMatchObject({
    type: "fill",
    needsToken: true,
    secret: {
      metadata: { annotations: known },
      data: { mine: "MA==", namespace: base64("default"), "ca.crt": base64("CA") },
    },
  });
});

test("one that is whole stays; another authority is taken over without a new token", () => {
  expect(plan(secret(known, whole), account, "CA")).toEqual({ type: "nothing" });
  expect(plan(secret(known, whole), account, "NEW")).toMatchObject({
    needsToken: false,
    secret: { data: { token: base64("t"), "ca.crt": base64("NEW") } },
  });
});

test("without its account, or with another one of the name, it goes", () => {
  expect(plan(secret(), undefined, "CA")).toEqual({ type: "delete" });
  expect(plan(secret({ "kubernetes.io/service-account.uid": "old" }, whole), account, "CA")).toEqual({
    type: "delete",
  });
  const going = { ...secret(), metadata: { ...secret().metadata, deletionTimestamp: "2025-01-01T00:00:00Z" } };
  expect(plan(going, undefined, "CA")).toEqual({ type: "nothing" });
});
