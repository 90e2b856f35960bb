import type { Scenario, Send } from "../exchange.ts";
import { META, namespaceFor, PATCHES, PROTOBUF } from "./lifecycle.ts";

const FORMS_OF_EVENTS = [
  "application/json",
  "application/json;stream=watch",
  `${PROTOBUF};stream=watch`,
  `${PROTOBUF},application/json`,
  `application/json;as=Table;v=v1;${META}`,
  `application/json;as=PartialObjectMetadata;v=v1;${META}`,
  `${PROTOBUF};as=PartialObjectMetadata;v=v1;${META}`,
  "application/yaml",
];

const INITIAL = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan";

/** Watches from every point, in every form, of objects that come into a selection and leave it. */
export function watchScenarios(): readonly Scenario[] {
  return [
    { name: "watches of pods by selectors", run: transitions },
    { name: "watches from every point", run: points },
    { name: "tokens of pages", run: tokens },
  ];
}

/** @returns the query that watches from before everything. */
async function history(send: Send, path: string): Promise<string> {
  const patch = (name: string, body: object) =>
    send({ method: "PATCH", path: `${path}/${name}`, type: PATCHES.merge, body });
  const pod = (name: string, more: object = {}, node?: string) => ({
    metadata: { name, labels: { app: "a" }, ...more },
    spec: { ...(node !== undefined && { nodeName: node }), containers: [{ name: "c", image: "i" }] },
  });
  const first = await send({ method: "POST", path, body: pod("first") });
  await send({ method: "POST", path, body: pod("one") });
  await patch("one", { metadata: { labels: { app: "b" } } });
  await patch("one", { metadata: { labels: { app: "a" } } });
  await patch("one", { metadata: { annotations: { x: "1" } } });
  await send({
    method: "POST",
    path: `${path}/one/binding`,
    body: { metadata: { name: "one" }, target: { kind: "Node", name: "n" } },
  });
  await patch("one/status", { status: { phase: "Running", podIP: "10.1.0.9", podIPs: [{ ip: "10.1.0.9" }] } });
  await send({ method: "POST", path, body: pod("two", { finalizers: ["example.com/f"] }, "n") });
  await send({ method: "DELETE", path: `${path}/two?gracePeriodSeconds=0` });
  await patch("two", { metadata: { finalizers: null } });
  await patch("one", { metadata: { labels: null } });
  await send({ method: "DELETE", path: `${path}/one?gracePeriodSeconds=0` });
  await send({ method: "POST", path, body: pod("three", { labels: { app: "b" } }, "m") });
  return `watch=1&timeoutSeconds=1&resourceVersion=${first.object.metadata?.resourceVersion ?? ""}`;
}

const SELECTIONS = [
  "",
  "labelSelector=app%3Da",
  "labelSelector=app",
  "labelSelector=!app",
  "labelSelector=app!%3Da",
  "fieldSelector=spec.nodeName%3Dn",
  "fieldSelector=spec.nodeName%3D",
  "fieldSelector=spec.nodeName!%3Dn",
  "fieldSelector=status.phase%3DRunning",
  "fieldSelector=status.podIP%3D10.1.0.9",
  "fieldSelector=metadata.name%3Done",
  "fieldSelector=spec.nodeName%3Dn&labelSelector=app%3Da",
];

async function transitions(send: Send): Promise<void> {
  const path = `/api/v1/namespaces/${await namespaceFor(send, "watch-pods")}/pods`;
  const since = await history(send, path);
  const initial = `watch=1&timeoutSeconds=1&allowWatchBookmarks=true&${INITIAL}`;
  const table = `application/json;as=Table;v=v1;${META}`;
  const watch = (query: string, accept = "application/json", at = path) =>
    send({ method: "GET", path: `${at}?${query}`, accept });
  await Promise.all([
    ...SELECTIONS.flatMap((selection) =>
      [since, initial, "watch=1&timeoutSeconds=1"].map((query) => watch(`${query}&${selection}`)),
    ),
    ...FORMS_OF_EVENTS.flatMap((accept) =>
      [since, initial].map((query) => watch(`${query}&labelSelector=app%3Da`, accept)),
    ),
    ...["None", "Object", "Metadata", "Nope"].map((include) => watch(`${since}&includeObject=${include}`, table)),
    watch(`${since}&fieldSelector=metadata.namespace%3Dd-watch-pods`, "application/json", "/api/v1/pods"),
  ]);
}

const POINTS = [
  "",
  "resourceVersion=",
  "resourceVersion=0",
  "resourceVersion=99999999",
  "resourceVersion=99999999&resourceVersionMatch=NotOlderThan",
  "resourceVersion=-1",
  "resourceVersion=1.5",
  "resourceVersion=0&resourceVersionMatch=Exact",
  "resourceVersion=0&resourceVersionMatch=NotOlderThan",
  "sendInitialEvents=true",
  "sendInitialEvents=nope",
  "sendInitialEvents=",
  "sendInitialEvents=true&resourceVersionMatch=Exact&resourceVersion=0",
  INITIAL,
  `${INITIAL}&allowWatchBookmarks=true`,
  `${INITIAL}&allowWatchBookmarks=true&resourceVersion=0`,
  `${INITIAL}&allowWatchBookmarks=true&resourceVersion=1`,
  `${INITIAL}&allowWatchBookmarks=false`,
  `${INITIAL}&allowWatchBookmarks=true&limit=1`,
  `${INITIAL}&allowWatchBookmarks=true&resourceVersion=99999999`,
  "sendInitialEvents=false",
  "sendInitialEvents=false&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",
  "sendInitialEvents=false&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion=0",
  "allowWatchBookmarks=true&resourceVersion=0",
  "allowWatchBookmarks=nope",
  "continue=abc",
  "limit=-1",
  "limit=1",
  "timeoutSeconds=nope",
  "fieldSelector=nope%3D1",
  "fieldSelector=%3D%3D",
  "labelSelector=a%3D%3D%3Db",
];

async function points(send: Send): Promise<void> {
  const path = `/api/v1/namespaces/${await namespaceFor(send, "watch-points")}/secrets`;
  for (const name of ["a", "b"])
    await send({ method: "POST", path, body: { metadata: { name }, stringData: { x: "y" } } });
  const get = (query: string) => send({ method: "GET", path: `${path}?${query}` });
  await Promise.all([
    ...POINTS.map((point) => get(`watch=true&timeoutSeconds=1&${point}`)),
    ...POINTS.filter((point) => !point.includes("timeout")).map(get),
    ...["0", "1", "true", "false", "True", "nope", ""].map((value) => get(`timeoutSeconds=1&watch=${value}`)),
  ]);
  await send({ method: "GET", path: `${path}/a?watch=1&timeoutSeconds=1` });
  await send({ method: "GET", path: `${path}/absent?watch=1&timeoutSeconds=1` });
  await send({ method: "GET", path: `${path.replace("/v1/", "/v1/watch/")}/a?timeoutSeconds=1` });
  await send({ method: "POST", path: `${path}?watch=1`, body: { metadata: { name: "posted" } } });
  await send({ method: "DELETE", path: `${path}/posted?watch=1` });
}

function token(value: unknown): string {
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
}

const V = "meta.k8s.io/v1";

async function tokens(send: Send): Promise<void> {
  const path = `/api/v1/namespaces/${await namespaceFor(send, "tokens")}/configmaps`;
  for (const name of ["a", "b", "c"]) await send({ method: "POST", path, body: { metadata: { name } } });
  const list = (query: string, accept?: string) =>
    send({
      method: "GET",
      path: `${path}?${query}`,
      ...(accept !== undefined && { accept }),
      note: query.replace(/continue=[^&]*/, ""),
    });
  const bad: readonly unknown[] = [
    "",
    "x",
    "{}",
    "[]",
    "null",
    '{"v":',
    { v: "nope", rv: 5, start: "a\0" },
    { v: V },
    { v: V, rv: 5 },
    { v: V, start: "a\0" },
    { v: V, rv: 0, start: "a\0" },
    { v: V, rv: -1, start: "a\0" },
    { v: V, rv: -5, start: "a\0" },
    { v: V, rv: "5", start: "a\0" },
    { v: V, rv: 1, start: "a\0" },
    { v: V, rv: 99999999, start: "a\0" },
    { v: V, rv: -1, start: "../a" },
    { v: V, rv: -1, start: "/a" },
    { v: V, rv: -1, start: "nope\0" },
    { v: V, rv: -1, start: "b" },
    { v: V, rv: -1, start: "a\0", more: 1 },
  ];
  for (const value of bad) await list(`limit=1&continue=${token(value)}`);
  for (const raw of ["%00", "a=", "a%2Bb", "e30", "e30=", "%20"]) await list(`limit=1&continue=${raw}`);
  const first = await list("limit=1");
  const next = (first.object.metadata as { continue?: string } | undefined)?.continue ?? "";
  for (const more of [
    "",
    "&limit=0",
    "&limit=2",
    "&resourceVersion=0",
    "&resourceVersion=5",
    "&resourceVersionMatch=Exact",
    "&labelSelector=a",
    "&watch=1&timeoutSeconds=1",
    "&sendInitialEvents=true",
  ])
    await list(`continue=${next}${more}`);
  for (const accept of [
    PROTOBUF,
    "application/yaml",
    `application/json;as=Table;v=v1;${META}`,
    `application/json;as=PartialObjectMetadataList;v=v1;${META}`,
    `${PROTOBUF};as=PartialObjectMetadataList;v=v1;${META}`,
  ])
    await list(`limit=1&continue=${next}`, accept);
  await send({ method: "DELETE", path: `${path}/b` });
  await list(`limit=1&continue=${next}`);
  await list(`continue=${next}`);
}
