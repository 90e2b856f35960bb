import { factsText, labelMatcherOf, type Unstructured } from "@tsukube/api";
import type { ContainerStatus, Node, Pod, Service } from "@tsukube/api/types/core-v1";
import type { ResourceDefinition } from "../registry/definition.ts";
import { textAt } from "../registry/strategies.ts";
import { ADMINISTRATION_CELLS } from "./administration-cells.ts";
import { age, duration } from "./ages.ts";
import { type Cells, count, created, labelsText, listAt, NONE, name, or, shortList, sizeAt } from "./cells.ts";
import { PREVIEW_CELLS } from "./preview-cells.ts";
import type { Column, TableConvertor } from "./table.ts";

type Template = {
  readonly spec?: { readonly containers?: readonly { readonly name?: string; readonly image?: string }[] };
};
const templateOf = (object: Unstructured): Template =>
  ((object["spec"] as { template?: Template } | undefined)?.template ?? {}) as Template;
const containers = (object: Unstructured): string =>
  (templateOf(object).spec?.containers ?? []).map((c) => c.name).join(",");
const images = (object: Unstructured): string =>
  (templateOf(object).spec?.containers ?? []).map((c) => c.image).join(",");
const selector = (object: Unstructured): string => {
  const value = (object["spec"] as { selector?: object } | undefined)?.selector;
  return value === undefined || value === null ? NONE : or(labelMatcherOf(value).toString());
};
/** Cells by "group/resource", in the order of facts/columns.json. What is not here shows its name and, where it has the column, its age. */
const CELLS: Readonly<Record<string, Cells>> = {
  "/pods": (object, now) => podCells(object as Pod, now),
  "/services": (object, now) => serviceCells(object as Service, now),
  "/componentstatuses": (object) => {
    const healthy = listAt(object, "conditions").find(({ type }) => type === "Healthy");
    const state = { True: "Healthy", False: "Unhealthy" }[textAt(healthy, "status")] ?? "Unknown";
    return [name(object), state, textAt(healthy, "message"), textAt(healthy, "error")];
  },
  "/nodes": (object, now) => nodeCells(object as Node, now),
  "/configmaps": (object, now) => [
    name(object),
    sizeAt(object, "data") + sizeAt(object, "binaryData"),
    created(object, now),
  ],
  "/secrets": (object, now) => [name(object), textAt(object, "type"), sizeAt(object, "data"), created(object, now)],
  "/namespaces": (object, now) => [name(object), textAt(object, "status.phase"), created(object, now)],
  "/serviceaccounts": (object, now) => [name(object), created(object, now)],
  "/endpoints": (object, now) => [name(object), endpointsText(object), created(object, now)],
  "/events": (object, now) => eventCells(object, now),
  "/replicationcontrollers": (object, now) => [
    name(object),
    count(object, "spec.replicas"),
    count(object, "status.replicas"),
    count(object, "status.readyReplicas"),
    created(object, now),
    containers(object),
    images(object),
    labelsText((object["spec"] as { selector?: Record<string, string> } | undefined)?.selector),
  ],
  "/persistentvolumeclaims": (object, now) => [
    name(object),
    object.metadata?.deletionTimestamp === undefined ? textAt(object, "status.phase") : "Terminating",
    textAt(object, "spec.volumeName"),
    textAt(object, "spec.volumeName") === "" ? "" : textAt(object, "status.capacity.storage"),
    textAt(object, "spec.volumeName") === ""
      ? ""
      : accessModes((object["status"] as { accessModes?: readonly string[] } | undefined)?.accessModes),
    textAt(object, "spec.storageClassName"),
    or(textAt(object, "spec.volumeAttributesClassName"), "<unset>"),
    created(object, now),
    textAt(object, "spec.volumeMode") || "<unset>",
  ],
  "/persistentvolumes": (object, now) => {
    const claim = (object["spec"] as { claimRef?: { namespace?: string; name?: string } } | undefined)?.claimRef;
    return [
      name(object),
      textAt(object, "spec.capacity.storage"),
      accessModes((object["spec"] as { accessModes?: readonly string[] } | undefined)?.accessModes),
      textAt(object, "spec.persistentVolumeReclaimPolicy"),
      object.metadata?.deletionTimestamp === undefined ? textAt(object, "status.phase") : "Terminating",
      claim === undefined || claim === null ? "" : `${claim.namespace ?? ""}/${claim.name ?? ""}`,
      textAt(object, "spec.storageClassName"),
      or(textAt(object, "spec.volumeAttributesClassName"), "<unset>"),
      textAt(object, "status.reason"),
      created(object, now),
      textAt(object, "spec.volumeMode") || "<unset>",
    ];
  },
  "apps/deployments": (object, now) => [
    name(object),
    `${count(object, "status.readyReplicas")}/${count(object, "spec.replicas")}`,
    count(object, "status.updatedReplicas"),
    count(object, "status.availableReplicas"),
    created(object, now),
    containers(object),
    images(object),
    selector(object),
  ],
  "apps/replicasets": (object, now) => [
    name(object),
    count(object, "spec.replicas"),
    count(object, "status.replicas"),
    count(object, "status.readyReplicas"),
    created(object, now),
    containers(object),
    images(object),
    selector(object),
  ],
  "apps/statefulsets": (object, now) => [
    name(object),
    `${count(object, "status.readyReplicas")}/${count(object, "spec.replicas")}`,
    created(object, now),
    containers(object),
    images(object),
  ],
  "apps/daemonsets": (object, now) => [
    name(object),
    count(object, "status.desiredNumberScheduled"),
    count(object, "status.currentNumberScheduled"),
    count(object, "status.numberReady"),
    count(object, "status.updatedNumberScheduled"),
    count(object, "status.numberAvailable"),
    labelsText((templateOf(object).spec as { nodeSelector?: Record<string, string> } | undefined)?.nodeSelector),
    created(object, now),
    containers(object),
    images(object),
    selector(object),
  ],
  "apps/controllerrevisions": (object, now) => {
    const owner = object.metadata?.ownerReferences?.find((reference) => reference.controller === true);
    const shown =
      owner === undefined ? NONE : `${owner.kind?.toLowerCase()}.${owner.apiVersion?.split("/")[0]}/${owner.name}`;
    return [name(object), shown, count(object, "revision"), created(object, now)];
  },
  "batch/jobs": (object, now) => [
    name(object),
    jobStatus(object),
    `${count(object, "status.succeeded")}/${jobWanted(object)}`,
    jobDuration(object, now),
    created(object, now),
    containers(object),
    images(object),
    selector(object),
  ],
  "batch/cronjobs": (object, now) => {
    const job = (object["spec"] as { jobTemplate?: { spec?: object } } | undefined)
      ?.jobTemplate as unknown as Unstructured;
    const last = textAt(object, "status.lastScheduleTime");
    return [
      name(object),
      textAt(object, "spec.schedule"),
      or(textAt(object, "spec.timeZone")),
      textAt(object, "spec.suspend") === "true" ? "True" : "False",
      ((object["status"] as { active?: unknown[] } | undefined)?.active ?? []).length,
      last === "" ? NONE : age(last, now),
      created(object, now),
      containers(job ?? {}),
      images(job ?? {}),
      selector(job ?? {}),
    ];
  },
  "rbac.authorization.k8s.io/roles": (object) => [name(object), object.metadata?.creationTimestamp],
  "rbac.authorization.k8s.io/clusterroles": (object) => [name(object), object.metadata?.creationTimestamp],
  "rbac.authorization.k8s.io/rolebindings": bindingCells,
  "rbac.authorization.k8s.io/clusterrolebindings": bindingCells,
  "discovery.k8s.io/endpointslices": (object, now) => {
    const { ports, endpoints } = object as {
      ports?: readonly { port?: number }[];
      endpoints?: readonly { addresses?: readonly string[] }[];
    };
    const addresses = (endpoints ?? []).flatMap((endpoint) => endpoint.addresses ?? []);
    return [
      name(object),
      textAt(object, "addressType"),
      or((ports ?? []).map(({ port }) => port).join(","), "<unset>"),
      or(shortList(addresses), "<unset>"),
      created(object, now),
    ];
  },
  "coordination.k8s.io/leases": (object, now) => [
    name(object),
    textAt(object, "spec.holderIdentity"),
    created(object, now),
  ],
  "scheduling.k8s.io/priorityclasses": (object, now) => [
    name(object),
    count(object, "value"),
    textAt(object, "globalDefault") === "true",
    created(object, now),
    textAt(object, "preemptionPolicy"),
  ],
  "storage.k8s.io/storageclasses": (object, now) => [
    object.metadata?.annotations?.["storageclass.kubernetes.io/is-default-class"] === "true"
      ? `${name(object)} (default)`
      : name(object),
    textAt(object, "provisioner"),
    textAt(object, "reclaimPolicy") || "Delete",
    textAt(object, "volumeBindingMode") || "Immediate",
    textAt(object, "allowVolumeExpansion") === "true",
    created(object, now),
  ],
  "policy/poddisruptionbudgets": (object, now) => [
    name(object),
    or(textAt(object, "spec.minAvailable"), "N/A"),
    or(textAt(object, "spec.maxUnavailable"), "N/A"),
    count(object, "status.disruptionsAllowed"),
    created(object, now),
  ],
  "networking.k8s.io/ingresses": (object, now) => {
    const spec = object["spec"] as
      | { rules?: readonly { host?: string }[]; tls?: unknown[]; ingressClassName?: string }
      | undefined;
    const hosts = (spec?.rules ?? []).map(({ host }) => host ?? "").filter((host) => host !== "");
    const balanced =
      (object["status"] as { loadBalancer?: { ingress?: readonly { ip?: string; hostname?: string }[] } } | undefined)
        ?.loadBalancer?.ingress ?? [];
    return [
      name(object),
      or(spec?.ingressClassName ?? ""),
      hosts.length === 0 ? "*" : shortList(hosts),
      balanced.map(({ ip, hostname }) => ip ?? hostname).join(","),
      (spec?.tls ?? []).length > 0 ? "80, 443" : "80",
      created(object, now),
    ];
  },
  ...ADMINISTRATION_CELLS,
  ...PREVIEW_CELLS,
};

function accessModes(modes: readonly string[] | undefined | null): string {
  const short: Readonly<Record<string, string>> = {
    ReadWriteOnce: "RWO",
    ReadOnlyMany: "ROX",
    ReadWriteMany: "RWX",
    ReadWriteOncePod: "RWOP",
  };
  return [...new Set(modes ?? [])].map((mode) => short[mode] ?? mode).join(",");
}

function endpointsText(object: Unstructured): string {
  const { subsets } = object as {
    subsets?: readonly { addresses?: readonly { ip?: string }[]; ports?: readonly { port?: number }[] }[];
  };
  const all = (subsets ?? []).flatMap(({ addresses, ports }) =>
    (addresses ?? []).flatMap(({ ip }) =>
      (ports ?? []).length === 0 ? [ip ?? ""] : (ports ?? []).map(({ port }) => `${ip}:${port}`),
    ),
  );
  return or(shortList(all));
}

function bindingCells(object: Unstructured, now: number): readonly unknown[] {
  const { roleRef, subjects } = object as {
    roleRef?: { kind?: string; name?: string };
    subjects?: readonly { kind?: string; name?: string; namespace?: string }[];
  };
  const of = (kind: string): string =>
    (subjects ?? [])
      .filter((subject) => subject.kind === kind)
      .map((subject) => (kind === "ServiceAccount" ? `${subject.namespace}/${subject.name}` : subject.name))
      .join(", ");
  return [
    name(object),
    `${roleRef?.kind}/${roleRef?.name}`,
    created(object, now),
    of("User"),
    of("Group"),
    of("ServiceAccount"),
  ];
}

function eventCells(object: Unstructured, now: number): readonly unknown[] {
  const event = object as {
    involvedObject?: { kind?: string; name?: string; fieldPath?: string };
    /** events.k8s.io/v1 */
    regarding?: { kind?: string; name?: string; fieldPath?: string };
    firstTimestamp?: string | null;
    lastTimestamp?: string | null;
    eventTime?: string | null;
    series?: { lastObservedTime?: string; count?: number };
    count?: number;
    source?: { component?: string; host?: string };
    reportingComponent?: string;
    reportingController?: string;
    reportingInstance?: string;
  } & Unstructured;
  const about = event.involvedObject ?? event.regarding;
  const first = event.firstTimestamp ?? event.eventTime;
  const last = event.series?.lastObservedTime ?? event.lastTimestamp ?? first;
  const source = [
    event.source?.component || event.reportingComponent || event.reportingController,
    event.source?.host || event.reportingInstance,
  ]
    .filter((part) => part)
    .join(", ");
  return [
    age(last, now),
    textAt(object, "type"),
    textAt(object, "reason"),
    [about?.kind?.toLowerCase() ?? "", about?.name ?? ""].filter((part) => part !== "").join("/"),
    about?.fieldPath ?? "",
    source,
    textAt(object, "message").trim(),
    age(first, now),
    event.series?.count ?? (event.count || 1),
    name(object),
  ];
}

function jobWanted(object: Unstructured): string {
  const completions = textAt(object, "spec.completions");
  if (completions !== "") return completions;
  const parallelism = Number(textAt(object, "spec.parallelism") || 1);
  return parallelism > 1 ? `1 of ${parallelism}` : "1";
}

function jobStatus(object: Unstructured): string {
  const conditions = (
    (object["status"] as { conditions?: readonly { type?: string; status?: string }[] } | undefined)?.conditions ?? []
  ).filter(({ status }) => status === "True");
  const has = (type: string): boolean => conditions.some((condition) => condition.type === type);
  if (has("Complete")) return "Complete";
  if (has("Failed")) return "Failed";
  if (object.metadata?.deletionTimestamp !== undefined) return "Terminating";
  if (has("Suspended")) return "Suspended";
  if (has("FailureTarget")) return "FailureTarget";
  return has("SuccessCriteriaMet") ? "SuccessCriteriaMet" : "Running";
}

function jobDuration(object: Unstructured, now: number): string {
  const start = textAt(object, "status.startTime");
  if (start === "") return "";
  const end = textAt(object, "status.completionTime");
  return duration(Math.floor(((end === "" ? now : Date.parse(end)) - Date.parse(start)) / 1000));
}

function serviceCells(service: Service, now: number): readonly unknown[] {
  const spec = service.spec ?? {};
  const ports = (spec.ports ?? []).map(
    (port) => `${port.port}${(port.nodePort ?? 0) > 0 ? `:${port.nodePort}` : ""}/${port.protocol}`,
  );
  const ingress = (service.status?.loadBalancer?.ingress ?? []).map((entry) => entry.ip ?? entry.hostname ?? "");
  const external =
    spec.type === "ExternalName"
      ? (spec.externalName ?? "")
      : spec.type === "LoadBalancer"
        ? [...ingress, ...(spec.externalIPs ?? [])].join(",") || "<pending>"
        : or((spec.externalIPs ?? []).join(","));
  return [
    service.metadata?.name,
    spec.type,
    spec.type === "ExternalName" ? NONE : or(spec.clusterIP ?? ""),
    external,
    or(ports.join(",")),
    age(service.metadata?.creationTimestamp, now),
    labelsText(spec.selector),
  ];
}

function nodeCells(node: Node, now: number): readonly unknown[] {
  const ready = node.status?.conditions?.find((condition) => condition.type === "Ready")?.status;
  const state = ready === "True" ? "Ready" : ready === undefined ? "Unknown" : "NotReady";
  const roles = Object.entries(node.metadata?.labels ?? {}).flatMap(([key, value]) =>
    key.startsWith("node-role.kubernetes.io/") ? [key.slice(24)] : key === "kubernetes.io/role" ? [value] : [],
  );
  const address = (type: string): string =>
    or(node.status?.addresses?.find((entry) => entry.type === type)?.address ?? "");
  const info = node.status?.nodeInfo;
  return [
    node.metadata?.name,
    node.spec?.unschedulable === true ? `${state},SchedulingDisabled` : state,
    or(roles.sort().join(",")),
    age(node.metadata?.creationTimestamp, now),
    info?.kubeletVersion ?? "",
    address("InternalIP"),
    address("ExternalIP"),
    or(info?.osImage ?? "", "<unknown>"),
    or(info?.kernelVersion ?? "", "<unknown>"),
    or(info?.containerRuntimeVersion ?? "", "<unknown>"),
  ];
}

function podCells(pod: Pod, now: number): readonly unknown[] {
  const statuses = pod.status?.containerStatuses ?? [];
  const sidecars = new Set(
    (pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === "Always").map((c) => c.name),
  );
  const initStatuses = pod.status?.initContainerStatuses ?? [];
  const long = [...statuses, ...initStatuses.filter((status) => sidecars.has(status.name))];
  const ready = long.filter((status) => status.ready === true && status.state?.running !== undefined).length;
  const total = (pod.spec?.containers ?? []).length + sidecars.size;
  const gates = pod.spec?.readinessGates ?? [];
  const passed = gates.filter((gate) =>
    pod.status?.conditions?.some((c) => c.type === gate.conditionType && c.status === "True"),
  );
  const isInitializing = initReason(pod, initStatuses, sidecars) !== undefined;
  return [
    pod.metadata?.name,
    `${ready}/${total}`,
    podReason(pod, statuses, initStatuses, sidecars),
    restarts(isInitializing ? initStatuses : long, now),
    age(pod.metadata?.creationTimestamp, now),
    or(pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? ""),
    or(pod.spec?.nodeName ?? ""),
    or(pod.status?.nominatedNodeName ?? ""),
    gates.length === 0 ? NONE : `${passed.length}/${gates.length}`,
  ];
}

function restarts(statuses: readonly ContainerStatus[], now: number): string {
  const total = statuses.reduce((sum, status) => sum + (status.restartCount ?? 0), 0);
  const times = statuses
    .map((status) => status.lastState?.terminated?.finishedAt ?? "")
    .filter((time) => time !== "")
    .sort();
  const last = times.at(-1);
  return total > 0 && last !== undefined ? `${total} (${age(last, now)} ago)` : String(total);
}

function terminatedReason(status: ContainerStatus): string {
  const terminated = status.state?.terminated;
  if ((terminated?.reason ?? "") !== "") return terminated?.reason ?? "";
  return (terminated?.signal ?? 0) !== 0 ? `Signal:${terminated?.signal}` : `ExitCode:${terminated?.exitCode}`;
}

function initReason(pod: Pod, statuses: readonly ContainerStatus[], sidecars: ReadonlySet<string>): string | undefined {
  for (const [index, status] of statuses.entries()) {
    if (status.state?.terminated?.exitCode === 0) continue;
    if (sidecars.has(status.name) && status.started === true) continue;
    if (status.state?.terminated !== undefined) return `Init:${terminatedReason(status)}`;
    const waiting = status.state?.waiting?.reason ?? "";
    if (waiting !== "" && waiting !== "PodInitializing") return `Init:${waiting}`;
    return `Init:${index}/${(pod.spec?.initContainers ?? []).length}`;
  }
  return undefined;
}

function podReason(
  pod: Pod,
  statuses: readonly ContainerStatus[],
  initStatuses: readonly ContainerStatus[],
  sidecars: ReadonlySet<string>,
): string {
  let reason: string = pod.status?.reason || pod.status?.phase || "";
  if (pod.status?.conditions?.some((c) => c.type === "PodScheduled" && c.reason === "SchedulingGated"))
    reason = "SchedulingGated";
  const init = initReason(pod, initStatuses, sidecars);
  if (init !== undefined) {
    reason = init;
  } else {
    let hasRunning = false;
    for (const status of [...statuses].reverse()) {
      const waiting = status.state?.waiting?.reason ?? "";
      if (waiting !== "") reason = waiting;
      else if (status.state?.terminated !== undefined) reason = terminatedReason(status);
      else if (status.ready === true && status.state?.running !== undefined) hasRunning = true;
    }
    if (reason === "Completed" && hasRunning) {
      reason = pod.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") ? "Running" : "NotReady";
    }
  }
  if (pod.metadata?.deletionTimestamp === undefined) return reason;
  if (pod.status?.reason === "NodeLost") return "Unknown";
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed" ? reason : "Terminating";
}

let columnRows: Readonly<Record<string, readonly (readonly [string, string, string, number])[]>> | undefined;

const builtinTables = new WeakMap<ResourceDefinition, TableConvertor>();

/** The table of a built-in resource. */
export function builtinTable(definition: ResourceDefinition): TableConvertor {
  let table = builtinTables.get(definition);
  if (table === undefined) {
    table = makeBuiltinTable(definition);
    builtinTables.set(definition, table);
  }
  return table;
}

function makeBuiltinTable(definition: ResourceDefinition): TableConvertor {
  columnRows ??= JSON.parse(factsText("columns.json"));
  const groupVersion = definition.group === "" ? definition.version : `${definition.group}/${definition.version}`;
  const rows = columnRows?.[`${groupVersion} ${definition.resource}`] ?? [
    ["Name", "string", "name", 0] as const,
    ["Created At", "date", "", 0] as const,
  ];
  const columns = rows.map(
    ([columnName, type, format, priority]): Column => ({ name: columnName, type, format, description: "", priority }),
  );
  const key = `${definition.group === "events.k8s.io" ? "" : definition.group}/${definition.resource}`;
  return { columns, cells: CELLS[key] ?? genericCells(columns) };
}

function genericCells(columns: readonly Column[]): Cells {
  return (object, now) =>
    columns.map((column) => {
      if (column.format === "name") return name(object);
      if (column.name === "Age") return created(object, now);
      if (column.name === "Created At") return object.metadata?.creationTimestamp;
      return or(
        textAt(object, `spec.${column.name.slice(0, 1).toLowerCase()}${column.name.slice(1).replaceAll(/[ -]/g, "")}`),
      );
    });
}
