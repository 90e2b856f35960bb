import { type Json, parseApiVersion, type Schema, schemaOf } from "@tsukube/api";
import facts from "@tsukube/api/facts/validation.json" with { type: "json" };
import type { Status } from "@tsukube/api/types/meta-v1";
import type { Transport } from "@tsukube/client";
import type { Cluster } from "@tsukube/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EVERYTHING, pathOf, RECORDED_OBJECTS, recorder, send, warningsOf } from "./recorded-cluster.ts";
import { bodyOf, otherValues, segments, valueIn, withPath } from "./variants.ts";

/** An answer of a real API server; its message is recorded where it has no causes. */
interface Answer {
  readonly code: number;
  readonly causes?: readonly string[];
  readonly message?: string;
  readonly warnings?: readonly string[];
}

interface Recorded {
  readonly server: "default" | "all";
  readonly create?: Readonly<Record<string, Answer>>;
  readonly update?: Readonly<Record<string, Updates>>;
  readonly notTried?: readonly string[];
}

/** Paths whose value could be changed, those that stayed as they were, and those where that was refused: the code, then why. */
interface Updates {
  readonly mutable?: readonly string[];
  readonly ignored?: readonly string[];
  readonly rejected?: Readonly<Record<string, readonly [code: number, ...why: readonly string[]]>>;
}

const RESOURCES = Object.entries(facts.resources as unknown as Readonly<Record<string, Recorded>>);
const COMMON = facts.common as unknown as Readonly<Record<string, Answer>>;

const NO_POD = "the recorder had a pod of that name";
const LEFT_OUT = "false is left out of an answer: the recorder took that for no change";
const LATER = "the recorder was older: v1.37.2 asks v1 for no group";
/** Cases that are not answered as recorded, and why. */
const DIFFERS: Readonly<Record<string, string>> = {
  "create v1 bindings: unknown field Ignore": NO_POD,
  "create v1 bindings: unknown field Warn": NO_POD,
  "create apiregistration.k8s.io/v1 apiservices: no spec.group": LATER,
  "update apiregistration.k8s.io/v1 apiservices #minimal: spec.insecureSkipTLSVerify": LEFT_OUT,
};

const clusters = new Map<Recorded["server"], Cluster>();
beforeAll(async () => {
  clusters.set("default", await recorder());
  clusters.set("all", await recorder(EVERYTHING));
});
afterAll(async () => {
  for (const cluster of clusters.values()) await cluster.close();
});

/** How a request went: with its warnings, and refused by its causes, each once, in no order, or else by its message. */
function outcome(code: number, causes: readonly string[] | undefined, message = "", warnings: readonly string[] = []) {
  const refusal = code === 422 && causes !== undefined ? distinct(causes) : message;
  return [String(code), ...(code < 300 ? [] : [refusal]), ...warnings].join("\n          ");
}

function distinct(list: readonly string[]): string {
  return [...new Set(list)].sort().join(" | ");
}

const causesOf = ({ details }: Status): readonly string[] | undefined =>
  details?.causes?.map(({ reason, field }) => `${reason} ${field}`);

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
  test(`${name}: what is created is taken, warned of or refused as recorded`, async () => {
    const { transport } = clusters.get(recorded.server)!;
    const { path, apiVersion, kind } = pathOf(name);
    const { version } = parseApiVersion(apiVersion);
    const good = RECORDED_OBJECTS[name]!.in;
    const cases: Case[] = [];
    for (const [label, answer] of Object.entries({ ...COMMON, ...recorded.create })) {
      if (recorded.notTried?.includes(label)) continue;
      const fieldValidation = /unknown.* (Strict|Warn|Ignore)$/.exec(label)?.[1] ?? "";
      const body = bodyOf(label, good as unknown as Json) as object;
      const sent = await send(transport, "POST", `${path}?dryRun=All&fieldValidation=${fieldValidation}`, body);
      const status = sent.object as Status;
      const message = answer.message
        ?.replaceAll("{kind}", kind)
        .replaceAll("{version}", version)
        .replace(/"\w+fresh"/, `"${good.metadata?.name}"`); // the recorder took another name each time
      const warnings = answer.code < 300 ? warningsOf(name, answer.warnings) : answer.warnings;
      const wanted = outcome(answer.code, answer.causes, message, warnings);
      const got = outcome(sent.code, causesOf(status), status.message, sent.warnings);
      cases.push({ name: `create ${name}: ${label}`, wanted, got });
    }
    expectRecorded(cases);
  });
}

for (const [name, recorded] of RESOURCES) {
  for (const [variant, updates] of Object.entries(recorded.update ?? {})) {
    test(`${name} #${variant}: what is changed is taken, ignored or refused as recorded`, async () => {
      const { transport } = clusters.get(recorded.server)!;
      const { path, apiVersion, kind } = pathOf(name);
      const schema = schemaOf({ ...parseApiVersion(apiVersion), kind })!;
      const given = RECORDED_OBJECTS[variant === "minimal" ? name : `${name} #${variant}`]!.in;
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

const CHANGED = "changed";
const IGNORED = "stays";

function wantedOf({ mutable = [], ignored = [], rejected = {} }: Updates): readonly (readonly [string, string])[] {
  return [
    ...mutable.map((field) => [field, CHANGED] as const),
    ...ignored.map((field) => [field, IGNORED] as const),
    ...Object.entries(rejected).map(([field, [code, ...why]]) => [field, outcome(code, why, why[0])] as const),
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
  const before = valueIn(live, keys);
  const answers: string[] = [];
  for (const value of otherValues(before, schema, keys)) {
    const { code, object } = await send(transport, "PUT", path, withPath(live, field, value) as object);
    const status = object as Status;
    const isSame = JSON.stringify(valueIn(object as unknown as Json, keys)) === JSON.stringify(before);
    const got = code >= 300 ? outcome(code, causesOf(status), status.message) : isSame ? IGNORED : CHANGED;
    if (got === wanted) return got;
    answers.push(got);
  }
  return answers.join(" / ");
}
