import type { Difference } from "./compare.ts";

interface Reason {
  /** Parts of a difference that it explains; absent parts fit always. */
  readonly scenario?: RegExp;
  readonly line?: RegExp;
  readonly part?: RegExp;
  readonly a?: RegExp;
  readonly b?: RegExp;
  /** What else must be true of both sides. */
  readonly when?: (a: string, b: string) => boolean;
  readonly because: string;
}

const EMPTY =
  "an empty list and none are the same here: protobuf, in which upstream stores them, does not tell them apart";
const LATER = "upstream's controllers in the server write a moment after it answers, ours before or sooner";

const REASONS: readonly Reason[] = [
  {
    line: /timeoutSeconds=1&.*allowWatchBookmarks=/,
    part: /^$/,
    a: /"k8s\.io\/initial-events-end":"true"\}\}\}\},\{"type":"BOOKMARK","object":[^[\]]*\]$/,
    b: /"k8s\.io\/initial-events-end":"true"\}\}\}\}\]$/,
    because: "upstream looks once a second for watches that end soon, and may find one that lasts a second",
  },
  {
    line: /apply-patch/,
    part: /^order of causes$/,
    a: /FieldManagerConflict.*FieldManagerConflict/,
    because: "upstream tells conflicts with several managers in no order",
  },
  {
    scenario: /statefulsets/,
    part: /^causes$/,
    a: /template\.spec\.volumes\[/,
    when: (a, b) => withoutPlaces(a) === withoutPlaces(b),
    because: "upstream looks at the volumes of a StatefulSet's claims in no order",
  },
  { part: /warning/i, b: /Tsukube does not act on/, because: "nothing here acts on the kind yet, and says so" },
  { part: /\.columnDefinitions\.\d+\.description$/, because: "descriptions are upstream's prose: ours are our own" },
  {
    scenario: /^OpenAPI/,
    part: /(?<!\.properties)\.description$/,
    because: "descriptions are upstream's prose: ours are our own",
  },
  { part: /^Go values in causes$/, because: "the message shows a value, or a diff, of upstream's internal Go types" },
  { line: /x: \[$/, part: /message$/, because: "the sentence is the YAML parser's" },
  {
    part: /^empty values in causes$/,
    because: EMPTY,
  },
  {
    scenario: /webhookconfigurations|endpointslices/,
    part: /generation$/,
    because: EMPTY,
  },
  { scenario: /endpointslices/, part: /^causes$/, a: /generation\W+\d/, because: EMPTY },
  {
    scenario: /ipaddresses/,
    part: /cells(?:\.2)?$/,
    because: "upstream's rows have a cell more than the table has columns",
  },
  {
    line: /^DELETE \S+dryRun=All.*as=PartialObjectMetadataList/,
    part: /items$/,
    a: /^null$/,
    b: /^\[\]$/,
    because: EMPTY,
  },
  { line: /^GET \/version/, because: "the build is another" },
  {
    line: /^\w+ \/(healthz|livez|readyz)?(?:[ ?]|$)/,
    part: /^body$|^\.paths/,
    because: "the server is made of other parts",
  },
  {
    line: /^GET \/(debug|logs|configz)/,
    because: "pages for people who debug upstream's server itself",
  },
  {
    line: /^GET \/(statusz|flagz)/,
    part: /^body$/,
    because: "the server is another, and goes by fewer settings",
  },
  { line: /openid-configuration/, part: /jwks_uri/, because: "keys are read where pods reach the server" },
  {
    scenario: /^OpenAPI/,
    part: /header (?:accept-ranges|last-modified)$/,
    because: "documents are told apart by their ETag, and are sent whole",
  },
  {
    scenario: /validatingadmissionpolicies/,
    part: /^causes$/,
    b: /observedGeneration/,
    because: "upstream's controller manager checks types",
  },
  {
    scenario: /services/,
    part: /^causes$/,
    a: /clusterIP/,
    because: "the message shows the whole object, with the address that it was given at random",
  },
  {
    scenario:
      /^lifecycle of (?:apiextensions-customresourcedefinitions|apiregistration|flowcontrol-flowschemas)|^variant (?:flowcontrol|apiextensions-customresourcedefinitions)/,
    part: /status\.(?:conditions|acceptedNames)|rows\.0\.cells\.\d+$/,
    a: /^null$|^$|^\(absent\)$|^false$|^False$|^Installing$/,
    because: LATER,
  },
  {
    scenario: /^lifecycle of apiextensions-customresourcedefinitions$/,
    line: /^(?:GET|PATCH) \S+\/foos\.facts\.example\.com(?: \[content-type: application\/merge-patch\+json\] \{"metadata":\{"finalizers":null\}\})?$/,
    part: /^code$/,
    a: /"deletionTimestamp"/,
    b: /^404/,
    because: LATER,
  },
  {
    scenario: /customresourcedefinitions/,
    line: /\/status\?dryRun=All .*"conditions":\[\]/,
    part: /^\.status\.conditions$/,
    a: /^\[\]$/,
    b: /^null$/,
    because: EMPTY,
  },
  {
    scenario: /validatingadmissionpolicies-full/,
    part: /^code$/,
    b: /the object has been modified/,
    because: "upstream's controller manager checks types",
  },
  {
    scenario: /customresourcedefinitions|apiservices|^custom/,
    line: /^(?:PUT|PATCH)/,
    part: /^causes$/,
    a: /^\["metadata\.(?:uid: FieldValueInvalid: Invalid value: \\"x\\": field is immutable|labels: FieldValueInvalid: Invalid value: \\"é\\": a valid label must .*)"\]$/,
    b: /^\[\]$/,
    because: "upstream says what is wrong with the metadata of an update once for each place that looks at it",
  },
  {
    scenario: /^watches/,
    line: /watch=1.*as=PartialObjectMetadataList/,
    part: /^code$/,
    a: /^200 $/,
    because: "upstream begins a watch whose events have a form that they cannot have, and ends it without a word",
  },
  { part: /^style of YAML$/, because: "the same YAML in another style" },
  {
    line: /"path":"\/apiVersion"|\{"apiVersion":""\}/,
    part: /^header warning$/,
    because: "of an object of no version upstream knows no fields",
  },
  {
    line: /\[content-type: application\/(?:apply-patch\+)?yaml\]/,
    part: /^\.message$/,
    a: /yaml: |unsupported map key/,
    b: /yaml: |unsupported map key/,
    because: "the sentence is the YAML parser's",
  },
  {
    scenario: /customresourcedefinitions|apiservices|flowschemas/,
    part: /managedFields$/,
    when: (a, b) => withoutOwners(a, SERVERS) === withoutOwners(b, SERVERS),
    because: LATER,
  },
  {
    scenario: /validatingadmissionpolicies/,
    part: /managedFields$/,
    when: (a, b) => a === withoutOwners(b, CHECKERS),
    because: "upstream's controller manager checks types",
  },
  {
    scenario: /validatingadmissionpolicies/,
    part: /status\.(observedGeneration|typeChecking)$/,
    because: "upstream's controller manager checks types",
  },
  {
    scenario: /^directives (?:in patches|for one of .*)$/,
    line: /\$(?:setElementOrder\/finalizers|retainKeys|deleteFromPrimitiveList\/finalizers)":\[(?:\[\]|\{.*\})\]|\$setElementOrder\/\w+":\[\{/,
    part: /^code$/,
    a: /^0 no answer: Stream closed with error code NGHTTP2_INTERNAL_ERROR$/,
    because: "upstream ends without an answer where Go can make no key of a map of what a directive lists",
  },
  {
    scenario: /^values in patches of custom resources$/,
    line: /"value":(?:-?\d\.0|[15][eE][0-3]|1e19)\b|:(?:-?\d\.0|[15][eE][0-3]|1e19)\}/,
    part: /^causes$|generation$/,
    because: "numbers of custom resources are what they are here, upstream looks at how they are written as well",
  },
  { line: /\/token\?/, part: /managedFields$/, because: "nobody owns the fields of what is not stored" },
  {
    scenario: /daemonsets/,
    line: /as=(Table|Partial)/,
    part: /annotations$/,
    because: "upstream's rows show its internal form",
  },
];

const SERVERS: ReadonlySet<string> = new Set(["kube-apiserver", "api-priority-and-fairness-config-consumer-v1"]);
const CHECKERS: ReadonlySet<string> = new Set(["validatingadmissionpolicy-status"]);

/** Owners, in JSON, without some of them. */
function withoutOwners(owners: string, some: ReadonlySet<string>): string {
  if (!owners.startsWith("[")) return "[]";
  const entries = JSON.parse(owners) as readonly { readonly manager: string }[];
  return JSON.stringify(entries.filter(({ manager }) => !some.has(manager)));
}

/** Causes, in JSON, without the places of the volumes that they are about. */
function withoutPlaces(causes: string): string {
  return causes.replaceAll(/template\.spec\.volumes\[\d+\]/g, "template.spec.volumes[]");
}

/** Why this difference stays; undefined: it should not be. */
export function reasonFor(difference: Difference): string | undefined {
  return REASONS.find(
    ({ scenario, line, part, a, b, when }) =>
      (scenario?.test(difference.scenario) ?? true) &&
      (line?.test(difference.line) ?? true) &&
      (part?.test(difference.part) ?? true) &&
      (a?.test(difference.a) ?? true) &&
      (b?.test(difference.b) ?? true) &&
      (when?.(difference.a, difference.b) ?? true),
  )?.because;
}
