import { expect, test } from "vitest";
import { Kubeconfig } from "./kubeconfig.ts";

const named = (name: string) => ({ name, user: { token: name } });
const kubeconfig = (names: readonly string[], current = "") =>
  new Kubeconfig(
    JSON.stringify({
      users: names.map(named),
      contexts: [{ name: "c", context: { cluster: "c", user: "of the context" } }],
      "current-context": current,
    }),
  );

test.each<[string, readonly string[], string]>([
  [
    "hook.default.svc:8443",
    ["*", "*.svc:8443", "*.default.svc:8443", "hook.default.svc:8443"],
    "hook.default.svc:8443",
  ],
  ["hook.default.svc:8443", ["*", "*.svc:8443", "*.default.svc:8443", "hook.default.svc"], "*.default.svc:8443"],
  ["hook.default.svc:8443", ["*", "*.svc", "hook.default.svc"], "*"],
  ["hook.default.svc:443", ["*", "*.svc:443", "hook.default.svc"], "*.svc:443"],
  ["hook.default.svc:443", ["*", "*.svc", "hook.default.svc"], "hook.default.svc"],
  ["hook.default.svc:443", ["*", "*.svc"], "*.svc"],
])("%s has of %j the credentials of %s", (target, names, expected) => {
  expect(kubeconfig(names).credentialsFor(target).headers()).toEqual({ authorization: `Bearer ${expected}` });
});

test("without a name that fits those of the current context are good, and else none", () => {
  const names = ["of the context"];
  expect(kubeconfig(names, "c").credentialsFor("a:1").headers()).toEqual({ authorization: "Bearer of the context" });
  expect(kubeconfig(names).credentialsFor("a:1").headers()).toEqual({});
});

test("a password is told; what has to be run to know is refused", () => {
  const user = { username: "jane", password: "p" };
  const of = (users: readonly object[]) => new Kubeconfig(JSON.stringify({ users }), "/k");
  expect(
    of([{ name: "*", user }])
      .credentialsFor("a:1")
      .headers(),
  ).toEqual({ authorization: "Basic amFuZTpw" });
  expect(() => of([{ name: "*", user: { exec: { command: "a" } } }])).toThrow('"/k": user "*" has exec, expected a');
});
