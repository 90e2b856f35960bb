const REPLACED: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, "<uid>"],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "<time>"],
  [/("?resourceVersion"?: ?)"\d+"/g, '$1"<rv>"'],
  [/(resourceVersion\\+":\\+")\d+/g, "$1<rv>"], // in JSON that a message shows
  [/"continue": ?"[\w-]+"/g, '"continue":"<token>"'],
  [/\bcontinue: ey[\w-]+/g, "continue: <token>"],
  [/\bhash=[0-9A-F]{128}\b/g, "hash=<hash>"],
  [/"(kid|x|y)": ?"[\w-]{43}"/g, '"$1":"<key>"'],
  [/continue=ey[\w-]+/g, "continue=<token>"],
  [/resourceVersion=\d{2,}/g, "resourceVersion=<rv>"],
  [/"10\.0\.0\.\d+"/g, '"<clusterIP>"'],
  [/(- |: )10\.0\.0\.\d+$/gm, "$1<clusterIP>"],
  [/\\"10\.0\.0\.\d+\\"/g, '\\"<clusterIP>\\"'], // in JSON that a message shows
  [/("?(?:nodePort|healthCheckNodePort)"?: ?)3\d{4}/g, "$1<nodePort>"],
  [/\b((?:Node|node)Port: Invalid value:|HealthCheck NodePort) 3\d{4}\b/g, "$1 <nodePort>"],
  [/(Invalid value:) 3\d{4}(: (?:provided port|may only be set))/g, "$1 <nodePort>$2"],
  [/:3\d{4}\/(TCP|UDP|SCTP)\b/g, ":<nodePort>/$1"],
  [/kube-api-access-[a-z0-9]{5}\b/g, "kube-api-access-<5>"],
  [/\b(gn[-_.])[bcdfghjklmnpqrstvwxz2456789]{5}\b/gi, "$1<5>"],
  [/\bey[\w-]{20,}\.[\w-]+\.[\w-]+/g, "<jwt>"],
  [/192\.0\.2\.10:\d+/g, "192.0.2.10:<port>"],
  [/(["\s])\d+s(["\s])/g, "$1<age>$2"],
  [/X509SHA256=[0-9a-f]{64}/g, "X509SHA256=<hash>"],
  [/(current|fresh): \d+/g, "$1: <rv>"],
  [/(ResourceVersion in object meta:) \d+/g, "$1 <rv>"],
  [/in record \(\d+\)/g, "in record (<rv>)"],
  [/(0x)?c000[0-9a-f]{6}\b/g, "<pointer>"],
];

/** A body or message without what differs from server to server: uids, revisions, times, addresses, random names. */
export function normalized(text: string): string {
  return REPLACED.reduce((out, [pattern, replacement]) => out.replaceAll(pattern, replacement), text);
}

/** Headers that say nothing about the answer, or are another each time: only whether they are there counts. */
const PRESENCE = new Set([
  "audit-id",
  "date",
  "x-kubernetes-pf-flowschema-uid",
  "x-kubernetes-pf-prioritylevel-uid",
  "etag",
  "last-modified",
]);

/** Headers by name as they are compared. */
export function normalizedHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => name !== "content-length") // Go leaves it out of long answers
      .map(([name, value]) => [name, PRESENCE.has(name) ? "<present>" : normalized(value)]),
  );
}
