import { expect, test } from "vitest";
import { StaticTokens } from "./static-tokens.ts";

const tokens = new StaticTokens(
  't1,jane,1,"a,b"\r\n\nt2,joe,2\n"t,3","say ""x""",,"system:masters"\n,nobody,4\nt5,,5,\n',
);

test.each([
  ["t1", { name: "jane", uid: "1", groups: ["a", "b", "system:authenticated"], extra: {} }],
  ["t2", { name: "joe", uid: "2", groups: ["system:authenticated"], extra: {} }],
  ["t,3", { name: 'say "x"', groups: ["system:masters", "system:authenticated"], extra: {} }],
  ["", undefined],
  ["t4", undefined],
])("%j is the token of %j", async (token, user) => {
  expect(tokens.userOf(token)).toEqual(user);
  const request = { headers: { authorization: `Bearer ${token}` } } as never;
  // no header has a token with a comma
  if (!token.includes(",")) expect(await tokens.authenticate(request)).toEqual(user);
});

test("a line that lacks something is refused by its number", () => {
  expect(() => new StaticTokens("a,b,c\n\na,b")).toThrow(
    "line 3 of tokens: 2 columns, expected a token, a user's name",
  );
});
