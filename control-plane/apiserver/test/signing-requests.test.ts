import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { signingRequest } from "./signing-request.ts";
import { type Answer, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

const REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const base64 = (text: string): string => Buffer.from(text).toString("base64");

let server: WireServer;
let admin: WireClient;
let request: string;
beforeAll(async () => {
  server = await startWireServer();
  admin = server.admin;
  request = base64(await signingRequest("CN=jane,O=dev"));
});
afterAll(() => server.close());
afterEach(() => admin.send("DELETE", `${REQUESTS}/signing`));

const make = (more: object = {}): Promise<Answer> =>
  admin.send("POST", REQUESTS, {
    metadata: { name: "signing" },
    spec: { request, signerName: "example.com/signer", usages: ["client auth"], ...more },
  });
const write = (part: string, status: object): Promise<Answer> =>
  admin.send("PATCH", `${REQUESTS}/signing/${part}`, { status });
const causes = ({ code, object }: Answer): unknown =>
  code < 300 ? [] : object.details?.causes?.map(({ field, message }) => `${field}: ${message}`);

test("who asks is who is authenticated, whatever the request says", async () => {
  const { object } = await make({ username: "liar", uid: "u", groups: ["liars"], extra: { a: ["b"] } });
  expect(object["spec"]).toMatchObject({ username: "admin", groups: ["system:masters", "system:authenticated"] });
  expect(object["spec"]).not.toHaveProperty("uid");
  expect(object["spec"]).not.toHaveProperty("extra.a");
});

test("requests of the legacy signer, with usages twice or of no single block are refused", async () => {
  expect(causes(await make({ signerName: "kubernetes.io/legacy-unknown" }))).toEqual([
    'spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version',
  ]);
  expect(causes(await make({ usages: ["client auth", "client auth"] }))).toEqual([
    'spec.usages[1]: Duplicate value: "client auth"',
  ]);
  const text = Buffer.from(request, "base64").toString().trimEnd();
  expect(causes(await make({ request: base64(text + text) }))).toEqual([
    expect.stringContaining("PEM block type must be CERTIFICATE REQUEST"),
  ]);
});

test("a request is not approved and denied at once", async () => {
  await make();
  const conditions = ["Approved", "Denied"].map((type) => ({ type, status: "True" }));
  expect(causes(await write("approval", { conditions }))).toEqual([
    `status.conditions: Invalid value: "{conditions[{\\"type\\": \\"Approved\\"}], conditions[{\\"type\\": \\"Denied\\"}]}": must specify at most one of: \`conditions[{"type": "Approved"}]\`, \`conditions[{"type": "Denied"}]\``,
  ]);
});

const block = (type: string, body: string): string =>
  base64(`-----BEGIN ${type}-----\n${body}\n-----END ${type}-----\n`);
const WRONG: readonly (readonly [what: string, certificate: string, why: string])[] = [
  ["no PEM", base64("x"), "must contain at least one CERTIFICATE PEM block"],
  ["a key", block("PRIVATE KEY", "AAAA"), 'only CERTIFICATE PEM blocks are allowed, found "PRIVATE KEY"'],
  ["a block with headers", block("CERTIFICATE", "a: b\n\nAAAA"), "no PEM block headers are permitted"],
  ["bytes that are no certificate", block("CERTIFICATE", "AAAA"), "x509: malformed certificate"],
];

test.each(WRONG)("%s is no certificate", async (_what, certificate, why) => {
  await make();
  expect(causes(await write("status", { certificate }))).toEqual([
    `status.certificate: Invalid value: "<certificate data>": ${why}`,
  ]);
});

test("a certificate is written once, with text around it if the signer likes", async () => {
  await make();
  const [first, second] = [await server.authority.issue(JANE), await server.authority.issue(JANE)];
  expect(causes(await write("status", { certificate: base64(`for jane\n${first.cert}`) }))).toEqual([]);
  for (const certificate of [base64(second.cert), null])
    expect(causes(await write("status", { certificate }))).toEqual([
      "status.certificate: Forbidden: updates may not modify existing certificate content",
    ]);
});

test("certificates that were asked to last for some time are counted, and those that do", async () => {
  const signerName = "kubernetes.io/kube-apiserver-client";
  const counts = async (): Promise<readonly number[]> => {
    const text = (await admin.get("/metrics")).body.toString();
    const count = (name: string): number =>
      Number(new RegExp(`csr_${name}_duration_total\\{signerName="${signerName}"\\} (\\d+)`).exec(text)?.[1] ?? 0);
    return [count("requested"), count("honored")];
  };
  const [requested = 0, honored = 0] = await counts();
  const certificate = base64(`for jane\n${(await server.authority.issue(JANE)).cert}`);
  for (const expirationSeconds of [365 * 86_400, 86_400, undefined]) {
    await make({ signerName, ...(expirationSeconds !== undefined && { expirationSeconds }) });
    await write("status", { certificate });
    await write("status", { conditions: [{ type: "Approved", status: "True" }] });
    await admin.send("DELETE", `${REQUESTS}/signing`);
  }
  expect(await counts()).toEqual([requested + 2, honored + 1]);
});

const JANE = { commonName: "jane", usages: ["client"] as const };
