import type { Scenario, Send } from "../exchange.ts";
import { FORMS, namespaceFor } from "./lifecycle.ts";

const SELECTORS = [
  "app",
  "!app",
  "app=a",
  "app!=a",
  "app in (a,b)",
  "app notin (a)",
  "n>1",
  "n<2",
  "app=a,n=1",
  "app==a",
  "x y",
  "app=",
  ",",
  "a,,b",
  "app in a",
  "-a=b",
  "app=a=b",
];
const FIELDS = [
  "metadata.name=c1",
  "metadata.name!=c1",
  "metadata.namespace=x",
  "metadata.name=c1,metadata.name=c2",
  "spec.x=1",
  "a",
  "metadata.name>1",
  "=",
  "metadata.labels=x",
];
const OPTIONS = [
  ...[
    "limit=2",
    "limit=0",
    "limit=2&resourceVersion=0",
    "resourceVersion=1&resourceVersionMatch=NotOlderThan",
    "resourceVersion=0&resourceVersionMatch=NotOlderThan",
  ],
  ...[
    "resourceVersionMatch=Nope&resourceVersion=1",
    "continue=x&resourceVersion=5",
    "limit=1&continue=eyJ2IjoieCJ9",
    "limit=99999999999999999999",
    "limit=1.5",
  ],
  ...[
    "timeoutSeconds=-1",
    "timeoutSeconds=0",
    "allowWatchBookmarks=true",
    "watch=false",
    "watch=0",
    "watch=",
    "pretty=1&limit=1",
  ],
  ...[
    "includeUninitialized=true",
    "resourceVersion=-1",
    "resourceVersion=01",
    "resourceVersion=1&resourceVersionMatch=Exact&limit=1",
  ],
];

/** Lists, pages, selections, watches and collections that are deleted, of one resource that stands for all. */
export function collectionScenarios(): readonly Scenario[] {
  return [
    { name: "lists of config maps", run: lists },
    { name: "pages of config maps", run: pages },
    { name: "watches of config maps", run: watches },
    { name: "collections that are deleted", run: deletions },
    { name: "selectors of pods", run: podSelectors },
  ];
}

async function filled(send: Send, name: string): Promise<string> {
  const namespace = await namespaceFor(send, name);
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  for (const [index, app] of ["a", "b", "a", "c", "b"].entries())
    await send({
      method: "POST",
      path,
      body: { metadata: { name: `c${index}`, labels: { app, n: String(index) } }, data: { index: String(index) } },
    });
  return path;
}

async function lists(send: Send): Promise<void> {
  const path = await filled(send, "lists");
  for (const selector of SELECTORS)
    await send({ method: "GET", path: `${path}?labelSelector=${encodeURIComponent(selector)}` });
  for (const selector of FIELDS)
    await send({ method: "GET", path: `${path}?fieldSelector=${encodeURIComponent(selector)}` });
  for (const option of OPTIONS) await send({ method: "GET", path: `${path}?${option}` });
  for (const accept of FORMS) await send({ method: "GET", path: `${path}?limit=2`, accept });
  for (const selector of ["app=a", "app in (b,c)"])
    for (const accept of FORMS)
      await send({
        method: "GET",
        path: `/api/v1/configmaps?labelSelector=${encodeURIComponent(selector)}&fieldSelector=metadata.namespace%3Dd-lists`,
        accept,
      });
}

async function pages(send: Send): Promise<void> {
  const path = await filled(send, "pages");
  for (const limit of [1, 2, 3, 5, 6]) {
    await send({ method: "GET", path: `${path}?limit=${limit}&labelSelector=app%3Da` });
    let token: string | undefined = "";
    while (token !== undefined) {
      const next = token === "" ? "" : `&continue=${token}`;
      const answer = await send({ method: "GET", path: `${path}?limit=${limit}${next}` });
      const more = (answer.object as { metadata?: { continue?: string } }).metadata?.continue ?? "";
      token = more === "" ? undefined : more;
    }
  }
}

async function watches(send: Send): Promise<void> {
  const path = await filled(send, "watches");
  const first = await send({ method: "GET", path: `${path}/c0` });
  const since = first.object.metadata?.resourceVersion ?? "";
  await send({
    method: "PATCH",
    path: `${path}/c1`,
    type: "application/merge-patch+json",
    body: { data: { more: "1" } },
  });
  await send({
    method: "PATCH",
    path: `${path}/c2`,
    type: "application/merge-patch+json",
    body: { metadata: { labels: { app: "z" } } },
  });
  await send({ method: "DELETE", path: `${path}/c4` });
  await caughtUp(send, path);
  const watch = (query: string, accept?: string) =>
    send({ method: "GET", path: `${path}?watch=1&timeoutSeconds=1&${query}`, ...(accept !== undefined && { accept }) });
  await watch("resourceVersion=0");
  await watch(`resourceVersion=${since}`);
  await watch(`resourceVersion=${since}&labelSelector=app%3Da`);
  await watch(`resourceVersion=${since}&fieldSelector=metadata.name%3Dc4`);
  await watch("sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true");
  await watch("sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
  await watch("sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=0");
  await watch("resourceVersion=abc");
  await watch("resourceVersion=1");
  await watch("labelSelector=x%20y");
  await watch("limit=1&resourceVersion=0");
  for (const accept of FORMS) await watch(`resourceVersion=${since}`, accept);
  await send({ method: "GET", path: path.replace("/v1/", "/v1/watch/") + "?timeoutSeconds=1&resourceVersion=0" });
  await send({ method: "GET", path: `${path.replace("/v1/", "/v1/watch/")}/c0?timeoutSeconds=1&resourceVersion=0` });
  await send({ method: "GET", path: `${path}/c0?watch=1&timeoutSeconds=1&resourceVersion=0` });
}

async function deletions(send: Send): Promise<void> {
  const path = await filled(send, "deletions");
  for (const accept of FORMS)
    await send({ method: "DELETE", path: `${path}?dryRun=All&labelSelector=app%3Da`, accept });
  await send({ method: "DELETE", path: `${path}?labelSelector=x%20y` });
  await send({ method: "DELETE", path: `${path}?fieldSelector=metadata.name%3Dc0` });
  await caughtUp(send, path);
  await send({ method: "DELETE", path: `${path}?resourceVersion=0&limit=1`, body: { gracePeriodSeconds: 0 } });
  await send({ method: "DELETE", path, body: { propagationPolicy: "Nope" } });
  await send({ method: "DELETE", path: `${path}?labelSelector=app%3Db`, body: { preconditions: { uid: "x" } } });
  await send({ method: "DELETE", path });
  await send({ method: "GET", path });
}

/** A list that must be fresh waits for the server's cache, from which what may be of any age is read. */
async function caughtUp(send: Send, path: string): Promise<void> {
  await send({ method: "GET", path });
}

async function podSelectors(send: Send): Promise<void> {
  const namespace = await namespaceFor(send, "podselectors");
  const path = `/api/v1/namespaces/${namespace}/pods`;
  for (const name of ["a", "b"])
    await send({
      method: "POST",
      path,
      body: {
        metadata: { name },
        spec: { containers: [{ name: "c", image: "i" }], ...(name === "a" && { nodeName: "n" }) },
      },
    });
  for (const selector of [
    "spec.nodeName=n",
    "spec.nodeName!=n",
    "spec.nodeName=",
    "status.phase=Pending",
    "status.podIP=",
    "spec.restartPolicy=Always",
    "spec.hostNetwork=false",
    "spec.x=1",
    "status.nominatedNodeName=",
  ])
    await send({ method: "GET", path: `${path}?fieldSelector=${encodeURIComponent(selector)}` });
  for (const option of ["limit=1", "limit=1&fieldSelector=spec.nodeName%3Dn"])
    await send({ method: "GET", path: `${path}?${option}` });
  for (const sub of [
    "log",
    "exec",
    "attach",
    "portforward",
    "proxy",
    "log?container=x",
    "log?tailLines=-1",
    "log?sinceSeconds=0",
    "log?follow=x",
    "exec?command=a",
  ])
    for (const method of ["GET", "POST"]) await send({ method, path: `${path}/b/${sub}` });
}
