/** Of the state directory of upstream's allocators, which no API serves. */
const UNSERVED = ["apiserveripinfo", "serviceipallocations", "servicenodeportallocations"];

/** A resource as an EncryptionConfiguration names it: "secrets", "deployments.apps", "*.apps", "*.", "*.*". */
export function parseResource(text: string): { readonly resource: string; readonly group: string } {
  const dot = text.indexOf(".");
  return dot < 0 ? { resource: text, group: "" } : { resource: text.slice(0, dot), group: text.slice(dot + 1) };
}

/** What upstream refuses of the resources of one rule: where (behind the list's path), what is so, what is expected. */
export function* resourceMistakes(names: readonly string[]): Generator<readonly [string, string, string]> {
  const different = [...new Set(names)];
  if (different.length < names.length) yield ["", "a resource twice", "each once"];
  const every = different.length > 1 ? different.find((name) => coversOther(name, different)) : undefined;
  if (every !== undefined)
    yield ["", `"${every}" beside others that it covers`, "those in a rule of their own, before it"];
  for (const [index, name] of names.entries()) {
    const expected = expectedOf(name);
    if (expected !== undefined) yield [`[${index}]`, `"${name}"`, expected];
  }
}

function coversOther(name: string, all: readonly string[]): boolean {
  const { resource, group } = parseResource(name);
  if (resource !== "*") return false;
  return all.some((other) => other !== name && (group === "*" || parseResource(other).group === group));
}

function expectedOf(name: string): string | undefined {
  const { resource, group } = parseResource(name);
  if (name.toLowerCase() !== name) return "lower case";
  if (name === "*") return '"*." for all of the core group or "*.*" for all there are';
  if (UNSERVED.includes(name)) return "a resource that the API serves";
  if (group === "events.k8s.io") return '"events", as which they are stored';
  if (group === "extensions") return "a group that there is";
  return group === "*" && resource !== "*" ? "a resource of one group" : undefined;
}
