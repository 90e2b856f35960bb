import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from "node:http2";
import { text } from "node:stream/consumers";
import { KubeConfig } from "@kubernetes/client-node";
import { Lifetime } from "@tsukube/foundation";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./eventually.ts";
import { codeOf } from "./https-code.ts";
import { Kubectl } from "./kubectl.ts";
import { Tsukube } from "./tsukube.ts";

const SEATS = ["--max-requests-inflight", "8", "--max-mutating-requests-inflight", "4"];
const MAPS = "/api/v1/namespaces/default/configmaps";
const ONE = `${MAPS}/big-0`;
const QUEUE_LENGTH = 2;

/** A part of the seats so small that it is one. */
const LEVEL = {
  apiVersion: "flowcontrol.apiserver.k8s.io/v1",
  kind: "PriorityLevelConfiguration",
  metadata: { name: "small" },
  spec: {
    type: "Limited",
    limited: {
      nominalConcurrencyShares: 1,
      borrowingLimitPercent: 0,
      limitResponse: { type: "Queue", queuing: { queues: 1, handSize: 1, queueLengthLimit: QUEUE_LENGTH } },
    },
  },
};
const SCHEMA = {
  apiVersion: "flowcontrol.apiserver.k8s.io/v1",
  kind: "FlowSchema",
  metadata: { name: "animals" },
  spec: {
    priorityLevelConfiguration: { name: "small" },
    matchingPrecedence: 50,
    rules: [
      {
        subjects: [{ kind: "User", user: { name: "elephant" } }],
        resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"] }],
      },
    ],
  },
};

interface Head {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Its body is not read: the server can send no more than fits on the way. */
  readonly stream: ClientHttp2Stream;
}

interface Answer extends Omit<Head, "stream"> {
  readonly body: string;
}

const lifetime = new Lifetime();
const cluster = new Tsukube(lifetime, "flow-control");
let kubectl: Kubectl;
let session: ClientHttp2Session;
let server: string;

beforeAll(async () => {
  await cluster.run(["up", "--no-node", ...SEATS]);
  const { kubeconfig, apiServer } = await cluster.status();
  server = apiServer;
  kubectl = new Kubectl(kubeconfig);
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const decoded = (base64 = ""): Buffer => Buffer.from(base64, "base64");
  const { certData, keyData } = config.getCurrentUser() ?? {};
  const ca = decoded(config.getCurrentCluster()?.caData);
  session = connect(server, { ca, cert: decoded(certData), key: decoded(keyData) });
  lifetime.add("session", () => session.destroy());
  for (const user of ["elephant", "mouse"])
    await kubectl.run(`create clusterrolebinding ${user} --clusterrole cluster-admin --user ${user}`);
  for (let i = 0; i < 12; i += 1) {
    const metadata = { name: `big-${i}` };
    const data = { text: "x".repeat(900_000) };
    await kubectl.run("create -f -", {
      input: JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata, data }),
    });
  }
  for (const object of [LEVEL, SCHEMA]) await kubectl.apply(object);
}, 120_000);
afterAll(() => lifetime.close(), 60_000);

function begin(path: string, user: string): Promise<Head> {
  const stream = session.request({ ":path": path, "impersonate-user": user });
  return new Promise((resolve, reject) => {
    stream.once("error", reject);
    stream.once("response", (headers) => resolve({ status: Number(headers[":status"]), headers, stream }));
  });
}

async function ask(path: string, user: string): Promise<Answer> {
  const { stream, ...head } = await begin(path, user);
  return { ...head, body: await text(stream) };
}

async function statusOf(path: string, user: string): Promise<number> {
  return (await ask(path, user)).status;
}

/** The elephant has the only seat of its level until `stream` is read or closed: it watches what it does not take. */
async function takeSeat(): Promise<ClientHttp2Stream> {
  const watch = await begin(`${MAPS}?watch=true&resourceVersion=0`, "elephant");
  expect(watch.status).toBe(200);
  return watch.stream;
}

async function metric(name: string, ...labels: readonly string[]): Promise<number> {
  const lines = (await kubectl.out("get --raw /metrics")).split("\n");
  const line = lines.find(
    (each) => each.startsWith(`apiserver_flowcontrol_${name}{`) && labels.every((label) => each.includes(label)),
  );
  return Number(line?.split(" ").at(-1) ?? 0);
}

const waiting = (count: number): Promise<void> =>
  eventually(`${count} requests wait`, async () => {
    return (await metric("current_inqueue_requests", 'flow_schema="animals"')) === count;
  });
const shares = (nominalConcurrencyShares: number): Promise<string> => {
  const limited = { ...LEVEL.spec.limited, nominalConcurrencyShares };
  return kubectl.apply({ ...LEVEL, spec: { ...LEVEL.spec, limited } });
};
const uidOf = (name: string): Promise<string> => kubectl.out(`get ${name} -o jsonpath={.metadata.uid}`);

test("who finds no seat waits, who finds the queue full is refused, and whoever is exempt or elsewhere is served", async () => {
  const watch = await takeSeat();
  const queued = Array.from({ length: QUEUE_LENGTH }, () => statusOf(ONE, "elephant"));
  await waiting(QUEUE_LENGTH);

  const refused = await ask(ONE, "elephant");
  expect(refused.status).toBe(429);
  expect(refused.headers).toMatchObject({
    "retry-after": "1",
    "content-type": "text/plain; charset=utf-8",
    "x-kubernetes-pf-flowschema-uid": await uidOf("flowschema/animals"),
    "x-kubernetes-pf-prioritylevel-uid": await uidOf("prioritylevelconfiguration/small"),
  });
  expect(refused.body).toBe("Too many requests, please try again later.\n");
  expect(await metric("rejected_requests_total", 'flow_schema="animals"', 'reason="queue-full"')).toBe(1);

  expect(await kubectl.out("get configmap big-0 -o name")).toBe("configmap/big-0"); // system:masters
  expect(await codeOf(`${server}/healthz`)).toBe(200);
  expect(await statusOf(ONE, "mouse")).toBe(200);
  expect(await kubectl.out("get --raw /debug/api_priority_and_fairness/dump_priority_levels")).toMatch(
    new RegExp(`^small, +1, +false, +false, +${QUEUE_LENGTH}, +1,`, "m"),
  );

  watch.close();
  expect(await Promise.all(queued)).toEqual([200, 200]);
  expect(await metric("request_wait_duration_seconds_count", 'flow_schema="animals"', 'execute="true"')).toBe(3);
});

test("kubectl comes again until there is a seat", async () => {
  const watch = await takeSeat();
  const queued = Array.from({ length: QUEUE_LENGTH }, () => statusOf(ONE, "elephant"));
  await waiting(QUEUE_LENGTH);
  const before = await metric("rejected_requests_total", 'flow_schema="animals"');
  const patient = kubectl.out("--as elephant get configmap big-1 -o name");
  await eventually("kubectl is refused", async () => {
    return (await metric("rejected_requests_total", 'flow_schema="animals"')) > before;
  });
  watch.resume(); // who takes what the watch begins with gives the seat back, and goes on watching
  expect(await patient).toBe("configmap/big-1");
  expect(await Promise.all(queued)).toEqual([200, 200]);
  expect(watch.closed).toBe(false);
  watch.close();
});

test("a priority level that grows serves who waits at once", async () => {
  const watch = await takeSeat();
  const queued = statusOf(ONE, "elephant");
  await waiting(1);
  await shares(1000);
  expect(await queued).toBe(200);
  expect(await metric("nominal_limit_seats", 'priority_level="small"')).toBe(10); // 12 * 1000 / 1245, rounded up
  await shares(1);
  expect(await metric("nominal_limit_seats", 'priority_level="small"')).toBe(1);
  watch.close();
});

test("a FlowSchema that goes, or has no priority level, leaves requests to the next", async () => {
  const watch = await takeSeat();
  await kubectl.run("delete flowschema animals");
  const elsewhere = await ask(ONE, "elephant");
  expect(elsewhere.status).toBe(200);
  expect(elsewhere.headers["x-kubernetes-pf-flowschema-uid"]).toBe(await uidOf("flowschema/global-default"));
  watch.close();

  const dangling = "get flowschema animals -o jsonpath={.status.conditions[0].status}";
  await kubectl.apply(SCHEMA);
  await eventually("its level is found", async () => (await kubectl.out(dangling)) === "False");
  await kubectl.run("delete prioritylevelconfiguration small");
  await eventually("it dangles", async () => (await kubectl.out(dangling)) === "True");
  const left = await ask(ONE, "elephant");
  expect(left.headers["x-kubernetes-pf-flowschema-uid"]).toBe(await uidOf("flowschema/global-default"));
});

test("without any seat a server is not started", async () => {
  const none = ["up", "--no-node", "--max-requests-inflight", "0", "--max-mutating-requests-inflight", "0"];
  await expect(cluster.run(none)).rejects.toThrow(/expected a sum that is not 0/);
});
