import { withoutEnd } from "@tsukube/foundation";
import { expect, test } from "vitest";
import type { ContainerPort, Pod } from "../generated/types/core-v1.ts";
import { mergeObjects } from "./apply/index.ts";
import { hasFormat } from "./crd/formats.ts";
import { parseDuration } from "./duration.ts";
import { parseQuantity } from "./quantity.ts";
import { schemaOf } from "./schema-of.ts";
import type { FieldError } from "./status/field-error.ts";
import { nodeUpdate } from "./validation/core/node.ts";
import { topologySpreadConstraints } from "./validation/core/scheduling.ts";
import { withoutZeros } from "./validation/names.ts";
import { validateMetaUpdate } from "./validation/object-meta.ts";
import { podWarnings } from "./warnings/pod.ts";
import { pathWarnings } from "./warnings/volume-paths.ts";

/** As long as an object may be: what looks from every character to the end takes hours. */
const LONG = 1_500_000;
const long = (text: string, end = ""): string => text.repeat(LONG / text.length) + end;

const thrown = (work: () => unknown): string => {
  try {
    return String(work());
  } catch (error) {
    return error instanceof Error ? error.message.slice(0, 60) : String(error);
  }
};

test.each<[string, () => unknown, unknown]>([
  ["quantities", () => thrown(() => parseQuantity(long("0", "!"))), expect.stringMatching("must match the regular")],
  ["quantities of digits", () => thrown(() => parseQuantity(long("9"))), expect.stringMatching("numeric part")],
  [
    "quantities of letters",
    () => thrown(() => parseQuantity(`1${long("E", "!")}`)),
    expect.stringMatching("must match"),
  ],
  ["durations", () => thrown(() => parseDuration(long("0.0000000000s"))), expect.stringMatching("invalid duration")],
  ["formats: duration, digits", () => hasFormat(long("0", "!"), "duration"), false],
  ["formats: duration, spaces", () => hasFormat(`1${long(" ", "!")}`, "duration"), false],
  ["addresses of zeros", () => withoutZeros(long("0", "!")), long("0", "!")],
  ["base64 of ends", () => withoutEnd(long("=", "x"), "="), long("=", "x")],
])("a long text is looked at once: %s", (_, work, result) => {
  expect(work()).toEqual(result);
});

test.each([
  ["0", "0"],
  ["00", "0"],
  ["000", "0"],
  ["007", "7"],
  ["010.00.1.000", "10.0.1.0"],
  ["::00ff", "::00ff"],
  ["1.2.3.4/024", "1.2.3.4/24"],
  ["0x1", "0x1"],
])("zeros before the number go: %s is %s", (text, plain) => {
  expect(withoutZeros(text)).toBe(plain);
});

const volume = (...paths: string[]) => ({
  name: "v",
  secret: { secretName: "s", items: paths.map((path) => ({ key: "k", path })) },
});
const told = (...paths: string[]): string[] =>
  pathWarnings([volume(...paths)]).map((text) => text.replace('volume "v" (Secret "s"): overlapping paths: ', ""));

test("files of a volume that hide each other are told in order, and not more of them than anybody reads", () => {
  expect(told("a/b", "c", "a", "a/b/c/", "ab", "c/")).toEqual([
    '"a" with "a/b"',
    '"a/b/c" with "a/b"',
    '"a/b/c" with "a"',
    '"c" with "c"',
  ]);
  const many = Array.from({ length: 50_000 }, (_, index) => `f${index}`);
  expect(told(...many)).toEqual([]);
  expect(told(...many.map(() => "same"))).toHaveLength(500);
  expect(told(long("/"), "a")).toEqual([]);
});

const MANY = 30_000;
const many = <T>(make: (index: number) => T): T[] => Array.from({ length: MANY }, (_, index) => make(index));
const port = (index: number) => ({ containerPort: 80, hostPort: index + 1 });
const portsOf = (ports: ContainerPort[]): string[] =>
  podWarnings({ spec: { containers: [{ name: "c", ports }] } }, "").map((text) =>
    text.replaceAll("spec.containers[0].", ""),
  );

test("entries of a long list are each looked for once among the others", () => {
  const problems: FieldError[] = [];
  const spread = (index: number) => ({ maxSkew: 1, topologyKey: `k${index}`, whenUnsatisfiable: "DoNotSchedule" });
  topologySpreadConstraints([...many(spread), spread(7)], "spread", problems);
  expect(problems.map(({ field }) => field)).toEqual(["spread[7].{topologyKey, whenUnsatisfiable}"]);
  const addresses = [
    ...many((index) => ({ type: "Hostname", address: `a${index}` })),
    { type: "Hostname", address: "a7" },
  ];
  const node = { metadata: { name: "n" }, status: { addresses } };
  expect(
    nodeUpdate(node, node, { kind: { group: "", version: "v1", kind: "Node" } }).map(({ field }) => field),
  ).toEqual([`status.addresses[${MANY}]`]);
  const held = (name: string) => ({
    metadata: { name: "n", finalizers: [1, 2, 3].flatMap((of) => many((index) => `${name}/${of}-${index}`)) },
  });
  expect(validateMetaUpdate(held("a"), held("b"))).toEqual([]);
  const pod = (name: string) => ({
    spec: { containers: [{ name: "c", env: many((index) => ({ name: `${name}${index}` })) }] },
  });
  const merged = mergeObjects(schemaOf({ group: "", version: "v1", kind: "Pod" }), pod("a"), pod("b")) as Pod;
  expect(merged.spec?.containers[0]?.env).toHaveLength(2 * MANY);
  expect(portsOf(many(port))).toEqual([]);
  expect(portsOf(many(() => port(0)))).toHaveLength(500);
});

test("ports of a pod that meet others are told in order", () => {
  const [one, two] = [
    { containerPort: 80, hostPort: 1 },
    { containerPort: 80, hostPort: 2 },
  ];
  const [here, there] = [
    { ...one, hostIP: "1.1.1.1" },
    { ...one, hostIP: "2.2.2.2" },
  ];
  const plain = { containerPort: 80 };
  expect(portsOf([here, two, there, { ...one, protocol: "UDP" }])).toEqual([]);
  expect(portsOf([here, two, there, one, here, plain, plain])).toEqual([
    "ports[3]: dangerously ambiguous port definition with ports[0]",
    "ports[3]: dangerously ambiguous port definition with ports[2]",
    "ports[4]: duplicate port definition with ports[0]",
    "ports[4]: dangerously ambiguous port definition with ports[3]",
    ...[0, 1, 2, 3, 4].map((index) => `ports[5]: overlapping port definition with ports[${index}]`),
    ...[0, 1, 2, 3, 4].map((index) => `ports[6]: overlapping port definition with ports[${index}]`),
    "ports[6]: duplicate port definition with ports[5]",
  ]);
});
