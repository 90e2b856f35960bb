import { setTimeout } from "node:timers/promises";
import type { Json } from "@tsukube/api";
import type { Scenario, Send } from "../exchange.ts";
import { collectionPath, labelOf, movedTo, type Sample, storedSamples } from "../samples.ts";
import { namespaceFor } from "./lifecycle.ts";

/** Of each object at most so many fields are tried, spread over it. */
const MOST_FIELDS = 24;

/** What a field becomes, one at a time. */
const VALUES: readonly (Json | undefined)[] = [undefined, null, "", "A_b c", -1, 99999999999, true, [], {}];

/** Creating and replacing objects in which one field has another value, all as dry runs. */
export function mutationScenarios(): readonly Scenario[] {
  return storedSamples().map((sample) => ({
    name: `mutations of ${labelOf(sample)}`,
    isOff: sample.isOff,
    run: (send: Send) => mutations(send, sample),
  }));
}

/** @param sample What is created first, and then changed a field at a time. */
export async function mutations(send: Send, sample: Sample): Promise<void> {
  const { resource } = sample;
  const namespace = resource.namespaced ? await namespaceFor(send, `m-${labelOf(sample)}`) : "";
  const { object } = movedTo(sample, namespace);
  const collection = collectionPath(resource, namespace);
  const { metadata } = (await send({ method: "POST", path: collection, body: object })).object;
  if (metadata?.name === undefined) return; // what cannot be created cannot be changed either
  const path = `${collection}/${metadata.name}`;
  await setTimeout(300); // what the server itself notes in status
  const made = (await send({ method: "GET", path })).object;
  const paths = pathsOf(contentOf(made) as Json).filter((path) => !isOfUpstreamOnly(path));
  const fields = spread(paths, MOST_FIELDS);
  for (const field of fields) {
    for (const value of VALUES) {
      const body = replaced(made as unknown as Json, field, value) as object;
      const { metadata: _metadata, ...content } = body as { metadata?: object };
      const fresh = {
        ...content,
        metadata: { ...object.metadata, name: object.metadata?.name ?? made.metadata?.name },
      };
      const note = `${field.join(".")}: ${JSON.stringify(value) ?? "(none)"}`;
      await send({ method: "POST", path: `${collection}?dryRun=All`, body: fresh, note });
      await send({ method: "PUT", path: `${path}?dryRun=All`, body, note });
    }
  }
  await send({ method: "DELETE", path: `${path}?gracePeriodSeconds=0` });
}

/** Upstream puts taints on new nodes; both servers are to be asked the same. */
function isOfUpstreamOnly([first, second]: Path): boolean {
  return first === "spec" && second === "taints";
}

/** What a client writes. */
function contentOf({
  metadata: _metadata,
  apiVersion: _version,
  kind: _kind,
  status: _status,
  ...content
}: object & Record<string, unknown>) {
  return content;
}

type Path = readonly (string | number)[];

/** Every member and item below a value, parents first. */
function pathsOf(value: Json, at: Path = []): readonly Path[] {
  if (typeof value !== "object" || value === null) return [];
  const members: readonly (readonly [string | number, Json])[] = Array.isArray(value)
    ? (value as readonly Json[]).map((item, index) => [index, item] as const)
    : Object.entries(value as Readonly<Record<string, Json>>);
  return members.flatMap(([key, member]) => [[...at, key], ...pathsOf(member, [...at, key])]);
}

function spread<T>(items: readonly T[], most: number): readonly T[] {
  const step = Math.max(1, items.length / most);
  return Array.from({ length: Math.min(most, items.length) }, (_, index) => items[Math.floor(index * step)] as T);
}

function replaced(value: Json, [head, ...tail]: Path, to: Json | undefined): Json | undefined {
  if (head === undefined) return to;
  if (Array.isArray(value)) {
    const items = (value as readonly Json[]).map((item, index) => (index === head ? replaced(item, tail, to) : item));
    return items.filter((item): item is Json => item !== undefined);
  }
  const members = { ...(value as Record<string, Json>) };
  const next = replaced(members[head] as Json, tail, to);
  if (next === undefined) delete members[head];
  else members[head] = next;
  return members;
}
