import { expect, test } from "vitest";
import bootstrap from "../../facts/bootstrap.json" with { type: "json" };
import defaults from "../../facts/defaults.json" with { type: "json" };
import { normalize } from "../codec/json-decode.ts";
import { applyDefaults } from "../defaults/index.ts";
import { resourceOf } from "../kinds.ts";
import type { Unstructured } from "../object.ts";
import { parseApiVersion } from "../schema.ts";
import { schemaOf } from "../schema-of.ts";
import { fieldErrorMessage } from "../status/field-error.ts";
import type { Values } from "./check.ts";
import { validateCreate } from "./validate.ts";

interface Accepted {
  readonly name: string;
  readonly object: Values;
}

/** Objects that a real API server answered with: they went through its validation. */
function accepted(): Accepted[] {
  const posted = defaults.objects as unknown as Readonly<
    Record<string, { readonly out?: Values; readonly code: number }>
  >;
  const fromPosts = Object.entries(posted)
    .filter(([, { code, out }]) => code === 201 && out?.["kind"] !== "Status")
    .map(([name, { out }]) => ({ name, object: out! }));
  const made = bootstrap as unknown as Readonly<Record<string, readonly Values[]>>;
  const fromStart = Object.entries(made).flatMap(([name, objects]) => objects.map((object) => ({ name, object })));
  return [...fromPosts, ...fromStart];
}

/** Recordings stand in for values that change. */
function filledIn(object: Values): Values {
  const text = JSON.stringify(object)
    .replaceAll("<time>", "2025-01-01T00:00:00Z")
    .replaceAll("<clusterIP>", "10.0.0.5")
    .replaceAll(/<(uid|5|hash|hostname|date|jwt)>/g, "x1");
  const filled = JSON.parse(text) as Values;
  // reviews have no metadata
  if ((filled["metadata"] as Values | undefined)?.["name"] === undefined) return filled;
  return { ...filled, metadata: { ...(filled["metadata"] as Values), uid: "x1" } };
}

function problems({ name, object }: Accepted): string[] {
  const [apiVersion, resource] = name.split(" ") as [string, string];
  const kind = { ...parseApiVersion(apiVersion), kind: resourceOf({ ...parseApiVersion(apiVersion), resource })!.kind };
  const whole = { ...filledIn(object), apiVersion, kind: kind.kind };
  const normal = applyDefaults(kind, normalize<Unstructured>(whole, schemaOf(kind)!).object);
  return validateCreate(kind, normal).map((error) => `${name} ${normal.metadata?.name}: ${fieldErrorMessage(error)}`);
}

test("whatever a real API server accepted is valid", () => {
  const objects = accepted();
  expect(objects.length).toBeGreaterThan(250);
  expect(objects.flatMap(problems)).toEqual([]);
});
