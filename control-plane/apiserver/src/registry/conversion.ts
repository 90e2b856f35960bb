import {
  apiVersionOf,
  autoscalerToV1,
  autoscalerToV2,
  type GroupVersionKind,
  normalize,
  type ObjectSchema,
  type Unstructured,
} from "@tsukube/api";

type Tree = Readonly<Record<string, unknown>>;
type Convert = (object: Tree) => Tree;

/** Old name to new name; what is not named keeps its own. */
function renamed(object: Tree, names: Readonly<Record<string, string>>): Tree {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [names[name] ?? name, value]));
}

const CORE_EVENT_NAMES = {
  involvedObject: "regarding",
  message: "note",
  source: "deprecatedSource",
  firstTimestamp: "deprecatedFirstTimestamp",
  lastTimestamp: "deprecatedLastTimestamp",
  count: "deprecatedCount",
  reportingComponent: "reportingController",
} as const;

const EVENT_NAMES = Object.fromEntries(Object.entries(CORE_EVENT_NAMES).map(([core, events]) => [events, core]));

type Claim = Tree & { readonly spec?: ClaimSpec };
type ClaimSpec = Tree & { readonly devices?: Tree & { readonly requests?: readonly Tree[] | null } };

/** resource.k8s.io/v1beta1 has what is asked for exactly beside the name of a request, not below `exactly`. */
const EXACT = [
  "deviceClassName",
  "selectors",
  "allocationMode",
  "count",
  "adminAccess",
  "tolerations",
  "capacity",
  "derivedAttributes",
];

function withRequests(spec: ClaimSpec | undefined, change: (request: Tree) => Tree): ClaimSpec | undefined {
  const { devices } = spec ?? {};
  return devices?.requests ? { ...spec, devices: { ...devices, requests: devices.requests.map(change) } } : spec;
}

function exactRequest(request: Tree): Tree {
  const entries = Object.entries(request);
  const exactly = entries.filter(([name, value]) => EXACT.includes(name) && !isEmpty(value));
  const rest = Object.fromEntries(entries.filter(([name]) => !EXACT.includes(name)));
  return exactly.length === 0 ? rest : { ...rest, exactly: Object.fromEntries(exactly) };
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || value === "" || value === 0 || (Array.isArray(value) && !value.length)
  );
}

function flatRequest({ exactly, ...request }: Tree): Tree {
  return { ...request, ...(exactly as Tree | undefined | null) };
}

const ofClaim =
  (change: (request: Tree) => Tree): Convert =>
  (claim: Claim) => ({ ...claim, spec: withRequests(claim.spec, change) });

const ofTemplate =
  (change: (request: Tree) => Tree): Convert =>
  (template: Tree & { readonly spec?: Tree & { readonly spec?: ClaimSpec } }) => ({
    ...template,
    spec: { ...template.spec, spec: withRequests(template.spec?.spec, change) },
  });

/** There what a device has stands below `basic`. */
const ofSlice =
  (change: (device: Tree) => Tree): Convert =>
  (slice: Tree & { readonly spec?: Tree & { readonly devices?: readonly Tree[] | null } }) =>
    slice.spec?.devices ? { ...slice, spec: { ...slice.spec, devices: slice.spec.devices.map(change) } } : slice;

const plainDevice = ({ basic, ...device }: Tree): Tree => ({ ...device, ...(basic as Tree | undefined | null) });
const basicDevice = ({ name, ...basic }: Tree): Tree => ({ name, basic });

const CONVERSIONS: Readonly<Record<string, Convert>> = {
  "v1 Event -> events.k8s.io/v1": (object) => renamed(object, CORE_EVENT_NAMES),
  "events.k8s.io/v1 Event -> v1": (object) => renamed(object, EVENT_NAMES),
  "autoscaling/v1 HorizontalPodAutoscaler -> autoscaling/v2": autoscalerToV2,
  "autoscaling/v2 HorizontalPodAutoscaler -> autoscaling/v1": autoscalerToV1,
  "resource.k8s.io/v1beta1 ResourceClaim -> resource.k8s.io/v1": ofClaim(exactRequest),
  "resource.k8s.io/v1 ResourceClaim -> resource.k8s.io/v1beta1": ofClaim(flatRequest),
  "resource.k8s.io/v1beta1 ResourceClaimTemplate -> resource.k8s.io/v1": ofTemplate(exactRequest),
  "resource.k8s.io/v1 ResourceClaimTemplate -> resource.k8s.io/v1beta1": ofTemplate(flatRequest),
  "resource.k8s.io/v1beta1 ResourceSlice -> resource.k8s.io/v1": ofSlice(plainDevice),
  "resource.k8s.io/v1 ResourceSlice -> resource.k8s.io/v1beta1": ofSlice(basicDevice),
};

/** An object in another version of its kind, in that version's normal form. Versions without a rule here have the same fields. */
export function convert(object: Unstructured, target: GroupVersionKind, schema: ObjectSchema): Unstructured {
  const apiVersion = apiVersionOf(target);
  if (object.apiVersion === apiVersion) return object;
  const rule = CONVERSIONS[`${object.apiVersion} ${target.kind} -> ${apiVersion}`];
  const changed = rule === undefined ? object : rule(object as Tree);
  return normalize<Unstructured>({ ...changed, apiVersion }, schema).object;
}
