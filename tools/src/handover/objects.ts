import defaults from "@tsukube/api/facts/defaults.json" with { type: "json" };
import { realClock } from "@tsukube/host";
import type { Api, Item, Resource } from "./api.ts";

interface Recorded {
  readonly in: Item;
  readonly out: Item;
  readonly code: number;
}

/** What a server made of each recorded object: "" where it took it, else what it said. */
export type Answers = ReadonlyMap<string, string>;

/** Not stored. */
const NEVER_STORED = /\/v\S+ \S+reviews|v1 bindings/;
/** These limit what comes after them in their namespace. */
const LIMITS = /limitranges|resourcequotas/;

/** Every recorded object, each with a name of its own, in this namespace; by where it was recorded. */
function requests(namespace: string, turn: number): ReadonlyMap<string, string> {
  const recorded = (defaults as unknown as { objects: Record<string, Recorded> }).objects;
  const texts = Object.entries(recorded).flatMap(([where, { in: given, out, code }], index) => {
    if (code !== 201 || NEVER_STORED.test(where)) return [];
    const isNamespaced = out.metadata?.namespace !== undefined;
    const name = ownName(given.metadata?.name, namespace, turn, index);
    const metadata = { ...given.metadata, ...(name !== undefined && { name }), ...(isNamespaced && { namespace }) };
    const text = JSON.stringify({ apiVersion: out.apiVersion, kind: out.kind, ...given, metadata });
    return [
      [
        where,
        text.replaceAll('"facts"', `"${namespace}"`).replaceAll(/\b(facts|agg)\.example/g, `${namespace}.$1.example`),
      ] as const,
    ];
  });
  const late = texts.filter(([where]) => LIMITS.test(where));
  return new Map([...texts.filter(([where]) => !LIMITS.test(where)), ...late]);
}

/** A name that no other turn gives, of the form that its kind wants. */
function ownName(name: string | undefined, namespace: string, turn: number, index: number): string | undefined {
  if (name === undefined || /(facts|agg)\.example/.test(name)) return name;
  if (/^[a-z0-9]+$/.test(name)) return `${namespace}-${index}`;
  if (/^[0-9.]+$/.test(name)) return `10.9.${turn}.${index}`;
  return name.includes(":") ? `${name}-${namespace}` : `${namespace}.${name}`;
}

const DEFINITION = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.handover.example.com" },
  spec: {
    group: "handover.example.com",
    scope: "Namespaced",
    names: { plural: "widgets", kind: "Widget" },
    versions: ["v1", "v1beta1"].map((name) => ({
      name,
      served: true,
      storage: name === "v1",
      schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      subresources: { status: {} },
      additionalPrinterColumns: [{ name: "Size", type: "integer", jsonPath: ".spec.size" }],
    })),
  },
};

/** Creates every recorded object in a namespace of its own. @param turn A number that no other call has. */
export async function fill(server: Api, namespace: string, turn: number): Promise<Answers> {
  await server.kubectl(["create", "namespace", namespace]);
  await server.kubectl(["apply", "-f", "-"], JSON.stringify(DEFINITION));
  const answers = new Map<string, string>();
  for (const [where, text] of requests(namespace, turn)) {
    const { code, out } = await server.kubectl(["create", "--validate=false", "-f", "-"], text);
    answers.set(where, code === 0 ? "" : out.trim());
  }
  const widget = {
    apiVersion: "handover.example.com/v1",
    kind: "Widget",
    metadata: { name: "w", namespace },
    spec: { size: 9007199254740993n.toString(), nested: { list: [1, 1.5, null, "ä"] } },
  };
  answers.set("widgets", await applied(server, widget));
  return answers;
}

/** A definition is served a moment after it is made. */
async function applied(server: Api, object: object): Promise<string> {
  for (let tries = 0; ; tries += 1) {
    const { code, out } = await server.kubectl(["apply", "-f", "-"], JSON.stringify(object));
    if (code === 0) return "";
    if (tries === 60) return out;
    await realClock.sleep(500);
  }
}

/**
 * Annotates objects of every kind in a namespace, and those outside of it that {@link fill} made: at most {@link MOST} of a kind. @returns how
 * many it could, and what it said else.
 */
export async function change(server: Api, namespace: string, mark: string): Promise<Changed> {
  let count = 0;
  const refusals: string[] = [];
  for (const resource of await server.resources()) {
    const result = await annotate(server, resource, namespace, mark);
    count += result.count;
    refusals.push(...result.refusals);
  }
  return { count, refusals };
}

/** Of events there are hundreds, and kubectl sends fifty requests a second. */
const MOST = 60;

/** What goes while it is about to be annotated is no refusal: it is not there at the next look. */
const LOOKS = 3;

async function annotate(server: Api, resource: Resource, namespace: string, mark: string): Promise<Changed> {
  for (let look = 1; ; look += 1) {
    const made = [...(await server.list(resource)).values()].filter((item) => isMade(item, namespace));
    const items = made.slice(0, MOST);
    if (items.length === 0) return { count: 0, refusals: [] };
    const names = items.map(({ metadata }) => metadata.name);
    const args = ["annotate", "-n", namespace, "--overwrite", qualified(resource), ...names, `mark=${mark}`];
    const { code, out } = await server.kubectl(args);
    const count = out.match(/ annotated$/gm)?.length ?? 0;
    if (code === 0 && count === names.length) return { count, refusals: [] };
    const said = out.split("\n").filter((line) => line !== "" && !line.endsWith(" annotated"));
    if (look === LOOKS)
      return { count, refusals: said.map((line) => `${resource.path}: ${line.replaceAll(namespace, "NAMESPACE")}`) };
  }
}

export interface Changed {
  readonly count: number;
  /** With NAMESPACE in the place of the namespace's name. */
  readonly refusals: readonly string[];
}

function isMade({ metadata }: Item, namespace: string): boolean {
  return metadata.namespace === undefined ? metadata.name.includes(namespace) : metadata.namespace === namespace;
}

/** As kubectl takes it: "deployments.v1.apps". */
function qualified({ path, name }: Resource): string {
  const [, prefix, group, version] = path.split("/");
  return prefix === "apis" ? `${name}.${version}.${group}` : name;
}
