import { once } from "node:events";
import {
  decodeEnvelope,
  decodeProtobuf,
  decodeWatchFrame,
  type ObjectSchema,
  schemaOfType,
  type Unstructured,
} from "@tsukube/api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isPeer, startWireServer, type WatchEvent, type WireClient, type WireServer } from "./wire-server.ts";

const PROTOBUF = "application/vnd.kubernetes.protobuf";
const MAPS = "/api/v1/namespaces/watches/configmaps";
const BEGIN = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";

let server: WireServer;
let admin: WireClient;
beforeAll(async () => {
  server = await startWireServer();
  admin = server.admin;
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "watches" } });
});
afterAll(() => server.close());

async function make(name: string, of: string): Promise<string> {
  const { object } = await admin.send("POST", MAPS, { metadata: { name, labels: { of } } });
  return object.metadata?.resourceVersion ?? "";
}

const shown = (event: WatchEvent | undefined): string => `${event?.type} ${event?.object.metadata?.name}`;
const revisionOf = (event: WatchEvent | undefined): number => Number(event?.object.metadata?.resourceVersion);

describe("a watch from a revision", () => {
  test("tells what came after it, alike to all who watch, under revisions that grow", async () => {
    await make("before", "order");
    const since = await make("since", "order");
    const path = `${MAPS}?watch=1&labelSelector=of%3Dorder&resourceVersion=${since}`;
    const watches = await Promise.all([1, 2, 3].map(() => admin.watch(path)));
    for (const i of [1, 2, 3]) await make(`o-${i}`, "order");
    await admin.send("PATCH", `${MAPS}/o-1`, { data: { a: "1" } });
    await admin.send("DELETE", `${MAPS}/o-2`);
    const told = await Promise.all(
      watches.map(async (watch) => {
        const events: WatchEvent[] = [];
        while (events.length < 5) events.push((await watch.change())!);
        watch.close();
        return events;
      }),
    );
    for (const events of told) {
      expect(events.map(shown)).toEqual(["ADDED o-1", "ADDED o-2", "ADDED o-3", "MODIFIED o-1", "DELETED o-2"]);
      const revisions = events.map(revisionOf);
      expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
      expect(new Set(revisions).size).toBe(5);
    }
    expect(told[1]).toEqual(told[0]);
    const { object } = await admin.get(`${MAPS}?limit=1`);
    expect(Number(object.metadata?.resourceVersion)).toBeGreaterThanOrEqual(revisionOf(told[0]?.[4]));
  });

  test("that is zero or none begins with what there is", async () => {
    await make("present", "state");
    for (const query of ["", "&resourceVersion=0"]) {
      const watch = await admin.watch(`${MAPS}?watch=true&labelSelector=of%3Dstate${query}`);
      expect(shown(await watch.change())).toBe("ADDED present");
      watch.close();
    }
  });

  test("that is zero marks where the state ends for who wants bookmarks", async () => {
    await make("marked", "mark");
    const watch = await admin.watch(
      `${MAPS}?watch=1&labelSelector=of%3Dmark&resourceVersion=0&allowWatchBookmarks=true`,
    );
    const [, mark] = await watch.take(2);
    expect(mark?.object.metadata?.annotations).toEqual({ "k8s.io/initial-events-end": "true" });
    watch.close();
  });
});

describe("a watch with a selector", () => {
  test("sees an object come when it fits and go when it no longer does, at the revision of that", async () => {
    const watch = await admin.watch(`${MAPS}?watch=1&labelSelector=of%3Dselected`);
    const made = Number(await make("moving", "others"));
    const label = async (of: string): Promise<number> => {
      const { object } = await admin.send("PATCH", `${MAPS}/moving`, { metadata: { labels: { of } } });
      return Number(object.metadata?.resourceVersion);
    };
    const revisions = [await label("selected"), await label("others"), await label("selected")];
    await admin.send("DELETE", `${MAPS}/moving`);
    const events: (WatchEvent | undefined)[] = [];
    while (events.length < 4) events.push(await watch.change());
    watch.close();
    expect(events.map(shown)).toEqual(["ADDED moving", "DELETED moving", "ADDED moving", "DELETED moving"]);
    expect(events.map(revisionOf).slice(0, 3)).toEqual(revisions);
    expect(revisionOf(events[3])).toBeGreaterThan(revisions[2]!);
    expect(events[1]?.object.metadata?.labels).toEqual({ of: "selected" });
    expect(made).toBeLessThan(revisions[0]!);
  });

  test("of fields does the same", async () => {
    const pods = "/api/v1/namespaces/watches/pods";
    await admin.send("POST", "/api/v1/namespaces/watches/serviceaccounts", { metadata: { name: "default" } });
    const watch = await admin.watch(`${pods}?watch=1&fieldSelector=status.phase%3DRunning`);
    await admin.send("POST", pods, { metadata: { name: "p" }, spec: { containers: [{ name: "c", image: "i" }] } });
    for (const phase of ["Running", "Failed"]) await admin.send("PATCH", `${pods}/p/status`, { status: { phase } });
    expect([await watch.change(), await watch.change()].map(shown)).toEqual(["ADDED p", "DELETED p"]);
    watch.close();
  });
});

describe("a watch that begins with the state", () => {
  test("marks its end with a bookmark, also where there is nothing", async () => {
    await make("s-1", "begin");
    await make("s-2", "begin");
    for (const of of ["begin", "nothing"]) {
      const watch = await admin.watch(`${MAPS}?watch=1&labelSelector=of%3D${of}&${BEGIN}`);
      const events = await watch.take(of === "begin" ? 3 : 1);
      expect(events.map(({ type }) => type)).toEqual(of === "begin" ? ["ADDED", "ADDED", "BOOKMARK"] : ["BOOKMARK"]);
      const mark = events.at(-1)?.object;
      expect(mark).toEqual({
        kind: "ConfigMap",
        apiVersion: "v1",
        metadata: {
          resourceVersion: expect.stringMatching(/^\d+$/),
          annotations: { "k8s.io/initial-events-end": "true" },
        },
      });
      await make(`after-${of}`, of);
      expect(shown(await watch.change())).toBe(`ADDED after-${of}`);
      watch.close();
    }
  });

  test("tells as an event that its revision is not there yet, and ends", async () => {
    const watch = await admin.watch(`${MAPS}?watch=1&${BEGIN}&resourceVersion=9999999`);
    const cause = { reason: "ResourceVersionTooLarge", message: "Too large resource version" };
    expect(await watch.next()).toMatchObject({
      type: "ERROR",
      object: { kind: "Status", code: 504, reason: "Timeout", details: { causes: [cause], retryAfterSeconds: 1 } },
    });
    expect(await watch.next()).toBeUndefined();
  });

  test.each([
    ["metadata", "as=PartialObjectMetadata;g=meta.k8s.io;v=v1", "PartialObjectMetadata"],
    ["a table", "as=Table;g=meta.k8s.io;v=v1", "Table"],
  ])("of %s has its mark in that form", async (_what, as, kind) => {
    await make(`form-${kind.toLowerCase()}`, kind);
    const watch = await admin.watch(`${MAPS}?watch=1&labelSelector=of%3D${kind}&${BEGIN}`, {
      accept: `application/json;${as}`,
    });
    const [first, mark] = await watch.take(2);
    watch.close();
    expect([first?.type, first?.object.kind, mark?.type, mark?.object.kind]).toEqual(["ADDED", kind, "BOOKMARK", kind]);
    const rows = mark?.object["rows"] as readonly { readonly object: WatchEvent["object"] }[] | undefined;
    const marked = kind === "Table" ? rows?.[0]?.object : mark?.object;
    expect(marked?.metadata?.annotations).toEqual({ "k8s.io/initial-events-end": "true" });
  });

  test("in protobuf has its mark there", async () => {
    await make("form-protobuf", "protobuf");
    const { body } = await admin.get(`${MAPS}?watch=1&timeoutSeconds=1&labelSelector=of%3Dprotobuf&${BEGIN}`, {
      accept: PROTOBUF,
    });
    const marks = framesOf(body).filter(({ type }) => type === "BOOKMARK");
    expect(marks[0]?.object.metadata?.annotations).toEqual({ "k8s.io/initial-events-end": "true" });
  });
});

function framesOf(body: Buffer): readonly { readonly type: string; readonly object: Unstructured }[] {
  const events: { type: string; object: Unstructured }[] = [];
  for (let at = 0; at < body.length; at += 4 + body.readUInt32BE(at))
    events.push(opened(body.subarray(at + 4, at + 4 + body.readUInt32BE(at))));
  return events;
}

function opened(frame: Uint8Array): { readonly type: string; readonly object: Unstructured } {
  const { type, object } = decodeWatchFrame(frame);
  return {
    type,
    object: decodeProtobuf<Unstructured>(decodeEnvelope(object), schemaOfType("core/v1.ConfigMap") as ObjectSchema),
  };
}

describe("a watch ends", () => {
  test.each(["HTTP/2", "HTTP/1.1"])("when its time is up, as an answer that is whole: %s", async (protocol) => {
    const path = `${MAPS}?watch=1&timeoutSeconds=1&labelSelector=of%3Dnobody`;
    const began = performance.now();
    const { code, body, headers } = protocol === "HTTP/2" ? await admin.get(path) : await admin.sendPlain("GET", path);
    expect([code, body.length, headers["content-type"]]).toEqual([200, 0, "application/json"]);
    if (protocol === "HTTP/1.1") expect(headers["transfer-encoding"]).toBe("chunked");
    expect(performance.now() - began).toBeGreaterThan(900);
  });
});

describe("the paths of old for watches", () => {
  test.each([
    "/api/v1/watch/namespaces/watches/configmaps/old",
    "/api/v1/watch/namespaces/watches/configmaps?fieldSelector=metadata.name%3Dold",
    "/api/v1/watch/configmaps?labelSelector=of%3Dold",
  ])("%s", async (path) => {
    await make("old", "old");
    const watch = await admin.watch(path);
    expect(shown(await watch.change())).toBe("ADDED old");
    watch.close();
  });
});

describe("over a WebSocket", () => {
  async function messages(query: string, accept: string | undefined): Promise<readonly (readonly [Buffer, boolean])[]> {
    const socket = admin.socket(
      `${MAPS}?watch=1&labelSelector=of%3Dsocket${query}`,
      [],
      accept === undefined ? {} : { accept },
    );
    const heard: (readonly [Buffer, boolean])[] = [];
    socket.on("message", (data, isBinary) => heard.push([data as Buffer, isBinary]));
    await once(socket, "close");
    return heard;
  }
  beforeAll(async () => {
    await make("w-1", "socket");
    await make("w-2", "socket");
  });

  test("a watch sends each event as a text", async () => {
    const heard = await messages("&timeoutSeconds=1", undefined);
    expect(heard.map(([, isBinary]) => isBinary)).toEqual([false, false]);
    expect(heard.map(([data]) => shown(JSON.parse(data.toString()) as WatchEvent))).toEqual(["ADDED w-1", "ADDED w-2"]);
  });

  test("a watch in protobuf sends each event as bytes, without a length", async () => {
    const heard = await messages("&timeoutSeconds=1", PROTOBUF);
    expect(heard.map(([, isBinary]) => isBinary)).toEqual([true, true]);
    expect(heard.map(([data]) => opened(data)).map(({ type, object }) => `${type} ${object.metadata?.name}`)).toEqual([
      "ADDED w-1",
      "ADDED w-2",
    ]);
  });
});

// kube-apiserver counts events instead of bytes
test.skipIf(isPeer)(
  "a watch that nobody reads ends before it holds much, delays nobody, and goes on where its client stopped reading",
  async () => {
    const since = await make("big", "unread");
    const path = `${MAPS}?watch=1&labelSelector=of%3Dunread&resourceVersion=${since}`;
    const lazy = await server.clientOf("lazy", ["system:masters"]);
    const [unread, read] = [await lazy.watch(path), await admin.watch(path)];
    const before = await openWatches();
    const written: number[] = [];
    for (let i = 0; i < 28; i += 1) {
      const { object } = await admin.send("PATCH", `${MAPS}/big`, { data: { a: String(i % 10).repeat(900_000) } });
      written.push(Number(object.metadata?.resourceVersion));
      expect(revisionOf(await read.change())).toBe(written.at(-1));
    }
    expect(await openWatches()).toBe(before - 1);
    const told: number[] = [];
    for (let event = await unread.next(); event !== undefined; event = await unread.next())
      told.push(revisionOf(event));
    expect(told.length).toBeLessThan(10);
    expect(told).toEqual(written.slice(0, told.length));
    const again = await lazy.watch(`${path.replace(/\d+$/, "")}${told.at(-1) ?? since}`);
    for (const revision of written.slice(told.length)) expect(revisionOf(await again.change())).toBe(revision);
    again.close();
    read.close();
  },
  60_000,
);

async function openWatches(): Promise<number> {
  const metrics = (await admin.get("/metrics")).body.toString();
  const line = metrics
    .split("\n")
    .find((line) => /^apiserver_longrunning_requests\{.*resource="configmaps".*WATCH/.test(line));
  return Number(line?.split(" ").at(-1));
}
