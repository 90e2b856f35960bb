import { FeatureGates } from "@tsukube/api";
import { VirtualClock } from "@tsukube/testing";
import { expect, test } from "vitest";
import { componentPages } from "./component-pages.ts";

const TYPED = (kind: string, version = "v1beta1"): string => `as=${kind};v=${version};g=config.k8s.io`;
const REFUSED =
  '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"only the following media types are accepted: application/json, application/yaml, text/plain","reason":"NotAcceptable","code":406}';

async function pages(gates = "") {
  const clock = new VirtualClock();
  const shown = componentPages({
    component: "kube-example",
    featureGates: FeatureGates.parse(gates),
    clock,
    flags: { "secure-port": "1", "a-flag": "" },
    paths: () => ["/", "/apis/apps", "/readyz/ping", "/readyz", "/.well-known/x", "/metrics"],
  });
  const began = clock.now();
  await clock.advance(3_723_900);
  const get = (path: string, accept?: string, query = "") => {
    const headers: Record<string, string> = accept === undefined ? {} : { accept };
    const { status, headers: sent, body } = shown[path]!(headers, new URLSearchParams(query));
    return [status, sent["content-type"], Buffer.from(body).toString(), sent["warning"]] as const;
  };
  return { shown, get, began };
}

test("who a component is and what it goes by is told as text", async () => {
  const { get, began } = await pages("EvictionRequestAPI=true");
  const started = new Date(began);
  const [, , statusz] = get("/statusz");
  expect(statusz.split("\n")).toEqual([
    "",
    "kube-example statusz",
    expect.stringMatching(/^Warning: This endpoint is not meant to be machine parseable/),
    "",
    expect.stringMatching(
      new RegExp(`^Started: \\w{3} \\w{3} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d UTC ${started.getUTCFullYear()}$`),
    ),
    "Up: 1 hr 02 min 03 sec",
    "Binary version: 1.37.2",
    "Emulation version: 1.37",
    "Paths: /metrics /readyz",
    "",
  ]);
  const [, , flagz] = get("/flagz");
  expect(flagz.split("\n").slice(3)).toEqual(["a-flag=", "feature-gates=EvictionRequestAPI=true", "secure-port=1", ""]);
});

test.each([undefined, "", " ", "*/*", "text/plain", "text/*", "application/json, text/plain", "text/html, */*;q=0.1"])(
  "whoever takes text gets it: %s",
  async (accept) => {
    const { get } = await pages();
    for (const path of ["/statusz", "/flagz"])
      expect(get(path, accept)).toEqual([
        200,
        "text/plain; charset=utf-8",
        expect.stringContaining("kube-example"),
        undefined,
      ]);
  },
);

test("who names kind and version gets an object; an old version says that it is", async () => {
  const { get, began } = await pages();
  const json = `application/json;g=config.k8s.io;v=v1beta1;as=Statusz`;
  const [status, type, body, warning] = get("/statusz", `application/json;${TYPED("Statusz")}`);
  expect([status, type, warning]).toEqual([200, json, undefined]);
  expect(body.endsWith("}\n")).toBe(true);
  expect(JSON.parse(body)).toEqual({
    kind: "Statusz",
    apiVersion: "config.k8s.io/v1beta1",
    metadata: { name: "kube-example" },
    startTime: `${new Date(began).toISOString().slice(0, 19)}Z`,
    uptimeSeconds: 3723,
    ...{ goVersion: "", binaryVersion: "1.37.2", emulationVersion: "1.37", paths: ["/metrics", "/readyz"] },
  });
  expect(get("/statusz", `*/*;${TYPED("Statusz")}`)[1]).toBe(json);
  expect(get("/statusz", `application/json;${TYPED("Statusz")}`, "pretty=true")[2]).toContain('{\n  "kind": "Statusz"');
  expect(get("/flagz", `application/yaml;${TYPED("Flagz", "v1alpha1")}`)).toEqual([
    200,
    "application/yaml;g=config.k8s.io;v=v1alpha1;as=Flagz",
    'apiVersion: config.k8s.io/v1alpha1\nflags:\n  a-flag: ""\n  feature-gates: ""\n  secure-port: "1"\nkind: Flagz\nmetadata:\n  name: kube-example\n',
    '299 - "This version of the flagz endpoint is deprecated. Please use a newer version."',
  ]);
});

test.each([
  ["application/json", REFUSED],
  ["application/yaml", "apiVersion: v1\ncode: 406\n"],
  ["text/html", '{\n  "kind": "Status"'],
  ["application/cbor", '{\n  "kind": "Status"'],
  [`application/json;${TYPED("Other")}`, '{\n  "kind": "Status"'],
  [`application/json;${TYPED("Statusz", "v1")}`, '{\n  "kind": "Status"'],
  [`text/plain;${TYPED("Statusz")}`, '{\n  "kind": "Status"'],
])("what there is not is refused: %s", async (accept, beginning) => {
  const [status, , body] = (await pages()).get("/statusz", accept);
  expect(status).toBe(406);
  expect(body.startsWith(beginning)).toBe(true);
});

test("feature gates turn the pages off", async () => {
  expect(Object.keys((await pages("ComponentStatusz=false")).shown)).toEqual(["/flagz"]);
  expect(Object.keys((await pages("ComponentFlagz=false")).shown)).toEqual(["/statusz"]);
});
