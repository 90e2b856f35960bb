import { type Json, parseApiVersion, type Schema, schemaOf } from "@tsukube/api";
import facts from "@tsukube/api/facts/validation.json" with { type: "json" };
import type { Status } from "@tsukube/api/types/meta-v1";
import type { Transport } from "@tsukube/client";
import type { Cluster } from "@tsukube/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EVERYTHING, pathOf, RECORDED_OBJECTS, recorder, send } from "./recorded-cluster.ts";
import { bodyOf, otherValues, segments, valueIn, withPath } from "./variants.ts";

/** An answer of a real API server. */
interface Answer {
  readonly code: number;
  readonly causes?: readonly string[];
}

interface Recorded {
  readonly server: "default" | "all";
  readonly create?: Readonly<Record<string, Answer>>;
  readonly update?: Readonly<Record<string, Updates>>;
  readonly notTried?: readonly string[];
}

/** Paths whose value could be changed, and those where that was refused: the code, then the causes. */
interface Updates {
  readonly mutable?: readonly string[];
  readonly rejected?: Readonly<Record<string, readonly (number | string)[]>>;
}

const RESOURCES = Object.entries(facts.resources as unknown as Readonly<Record<string, Recorded>>);
const COMMON = facts.common as unknown as Readonly<Record<string, Answer>>;

const NO_TAINT = "nodes are tainted by the controller, when they do not get ready";
const UNSIGNED = "signatures are not verified here";
const LATER = "the recorder was older: v1.37.2 asks v1 for no group";
/** Cases that are not answered as recorded, and why. */
const DIFFERS: Readonly<Record<string, string>> = {
  "create apiregistration.k8s.io/v1 apiservices: no spec.group": LATER,
  "update v1 nodes #minimal: spec.taints[0].key": NO_TAINT,
  "update v1 nodes #minimal: spec.taints[0].effect": NO_TAINT,
  "create certificates.k8s.io/v1beta1 podcertificaterequests: no spec.podUID": UNSIGNED,
  'create certificates.k8s.io/v1beta1 podcertificaterequests: spec.podUID: "Nope"': UNSIGNED,
};

const clusters = new Map<Recorded["server"], Cluster>();
beforeAll(async () => {
  clusters.set("default", await recorder());
  clusters.set("all", await recorder(EVERYTHING));
});
afterAll(async () => {
  for (const cluster of clusters.values()) await cluster.close();
});

/** A refusal by its causes, each once, in no order; success as "". */
async function outcome(transport: Transport, method: string, path: string, body: Json): Promise<string> {
  const { code, object } = await send(transport, method, path, body as object);
  if (code < 300) return "";
  const { details, message } = object as Status;
  const causes = details?.causes?.map(({ reason, field }) => `${reason} ${field}`);
  return code === 422 && causes !== undefined ? distinct(causes) : `${code} ${message}`;
}

function distinct(list: readonly (string | number)[]): string {
  return [...new Set(list)].sort().join(" | ");
}

interface Case {
  readonly name: string;
  readonly wanted: string;
  readonly got: string;
}

function expectRecorded(cases: readonly Case[]): void {
  const wrong = cases.filter(({ wanted, got }) => wanted !== got);
  const unexpected = wrong.filter(({ name }) => DIFFERS[name] === undefined);
  expect(unexpected.map(({ name, wanted, got }) => `${name}\n   wanted ${wanted}\n   got    ${got}`)).toEqual([]);
  const closed = cases.filter(({ name, wanted, got }) => wanted === got && DIFFERS[name] !== undefined);
  expect(closed, "cases on the list that are answered as recorded").toEqual([]);
}

for (const [name, recorded] of RESOURCES) {
  test(`${name}: what cannot be created is refused as recorded`, async () => {
    const { transport } = clusters.get(recorded.server)!;
    const { path } = pathOf(name);
    const cases: Case[] = [];
    for (const [label, { code, causes = [] }] of Object.entries({ ...COMMON, ...recorded.create })) {
      if (recorded.notTried?.includes(label) || (code !== 422 && code !== 201)) continue;
      const body = bodyOf(label, RECORDED_OBJECTS[name]!.in as unknown as Json);
      if (body === undefined) continue;
      const got = await outcome(transport, "POST", `${path}?dryRun=All`, body);
      cases.push({ name: `create ${name}: ${label}`, wanted: distinct(causes), got });
    }
    expectRecorded(cases);
  });
}

for (const [name, recorded] of RESOURCES) {
  for (const [variant, updates] of Object.entries(recorded.update ?? {})) {
    const given = RECORDED_OBJECTS[variant === "minimal" ? name : `${name} #${variant}`]?.in;
    if (given === undefined) continue;
    test(`${name} #${variant}: what cannot be changed is refused as recorded`, async () => {
      const { transport } = clusters.get(recorded.server)!;
      const { path, apiVersion, kind } = pathOf(name);
      const schema = schemaOf({ ...parseApiVersion(apiVersion), kind })!;
      const created = await send(transport, "POST", path, given);
      const at = `${path}/${created.object.metadata?.name}`;
      const { object } = await send(transport, "GET", at);
      const cases: Case[] = [];
      for (const [field, wanted] of wantedOf(updates)) {
        const got = await changing(transport, `${at}?dryRun=All`, object as unknown as Json, schema, field, wanted);
        cases.push({ name: `update ${name} #${variant}: ${field}`, wanted, got });
      }
      await send(transport, "DELETE", at);
      expectRecorded(cases);
    });
  }
}

function wantedOf({ mutable = [], rejected = {} }: Updates): readonly (readonly [string, string])[] {
  const refused = Object.entries(rejected).filter(([, [code]]) => code === 422);
  return [
    ...mutable.map((field) => [field, ""] as const),
    ...refused.map(([field, [, ...causes]]) => [field, distinct(causes)] as const),
  ];
}

/** The recording does not say which value a field got: one of the likely ones must be answered as recorded. */
async function changing(
  transport: Transport,
  path: string,
  live: Json,
  schema: Schema,
  field: string,
  wanted: string,
): Promise<string> {
  const keys = segments(field, live);
  const answers: string[] = [];
  for (const value of otherValues(valueIn(live, keys), schema, keys)) {
    const got = await outcome(transport, "PUT", path, withPath(live, field, value));
    if (got === wanted) return got;
    answers.push(got);
  }
  return answers.join(" / ");
}
