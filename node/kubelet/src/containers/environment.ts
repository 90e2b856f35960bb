import { quantityMilliValue, quantityValue } from "@tsukube/api";
import type { ConfigMap, Container, EnvVar, Pod, Secret, Service } from "@tsukube/api/types/core-v1";
import { TsukubeError } from "@tsukube/foundation";
import { withPort } from "@tsukube/foundation/ip-network";
import { valueFromFile } from "./environment-files.ts";

/** Where environment variables come from besides the spec itself. */
export interface EnvironmentSources {
  configMap(name: string): Promise<ConfigMap | undefined>;
  secret(name: string): Promise<Secret | undefined>;
  /** Services of the pod's namespace and `kubernetes`, when the pod wants links. */
  readonly services: readonly Service[];
  /** Facts about the pod that only the node knows. */
  readonly podIps: readonly string[];
  /** The node's, its primary one first. */
  readonly hostIps: readonly string[];
  readonly nodeName: string;
  /** Of the node, for limits that the container does not set. */
  readonly allocatable: { readonly cpuMilli: number; readonly memoryBytes: number; readonly storageBytes: number };
}

/**
 * Keys of environment variables, in order; later ones win.
 * @param volumePath Where a volume of the pod lies, for variables that come from files in it.
 * @throws {TsukubeError} `config` naming what is missing.
 */
export async function environmentOf(
  pod: Pod,
  container: Container,
  sources: EnvironmentSources,
  volumePath: (name: string) => string | undefined = () => undefined,
): Promise<ReadonlyMap<string, string>> {
  const out = new Map<string, string>();
  for (const [name, value] of serviceVariables(sources.services)) out.set(name, value);
  for (const from of container.envFrom ?? []) {
    const reference = from.configMapRef ?? from.secretRef;
    const name = reference?.name ?? "";
    const data =
      from.configMapRef !== undefined
        ? (await sources.configMap(name))?.data
        : decoded((await sources.secret(name))?.data);
    if (data === undefined && reference?.optional !== true) {
      const found = from.configMapRef !== undefined ? await sources.configMap(name) : await sources.secret(name);
      if (found === undefined) throw missing(from.configMapRef !== undefined ? "configmap" : "secret", name);
    }
    for (const [key, value] of Object.entries(data ?? {})) out.set(`${from.prefix ?? ""}${key}`, value);
  }
  for (const variable of container.env ?? []) {
    const reference = variable.valueFrom?.fileKeyRef;
    const value =
      reference === undefined
        ? await variableValue(pod, container, variable, sources, out)
        : await valueFromFile(reference, volumePath(reference.volumeName));
    if (value !== undefined) out.set(variable.name ?? "", value);
  }
  return out;
}

async function variableValue(
  pod: Pod,
  container: Container,
  variable: EnvVar,
  sources: EnvironmentSources,
  known: ReadonlyMap<string, string>,
): Promise<string | undefined> {
  const from = variable.valueFrom;
  if (from === undefined || from === null) return expand(variable.value ?? "", known);
  if (from.fieldRef !== undefined) return fieldValue(pod, from.fieldRef.fieldPath ?? "", sources);
  if (from.resourceFieldRef !== undefined) {
    const { resource = "", divisor, containerName } = from.resourceFieldRef;
    const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
    const target = all.find(({ name }) => name === containerName) ?? container;
    return resourceValue(pod, target, resource, divisor, sources);
  }
  if (from.configMapKeyRef !== undefined) {
    const { name = "", key = "", optional } = from.configMapKeyRef;
    const found = await sources.configMap(name);
    const value = found?.data?.[key];
    if (value !== undefined || optional === true) return value;
    throw found === undefined
      ? missing("configmap", name)
      : new TsukubeError("config", `couldn't find key ${key} in ConfigMap ${pod.metadata?.namespace}/${name}`);
  }
  if (from.secretKeyRef !== undefined) {
    const { name = "", key = "", optional } = from.secretKeyRef;
    const found = await sources.secret(name);
    const value = found?.data?.[key];
    if (value !== undefined) return Buffer.from(value, "base64").toString("utf8");
    if (optional === true) return undefined;
    throw found === undefined
      ? missing("secret", name)
      : new TsukubeError("config", `couldn't find key ${key} in Secret ${pod.metadata?.namespace}/${name}`);
  }
  return "";
}

function missing(kind: string, name: string): TsukubeError {
  return new TsukubeError("config", `${kind} "${name}" not found`);
}

function decoded(data: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> | undefined {
  return (
    data &&
    Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]))
  );
}

/** Replaces $(NAME) by what is known, leaves what is not, and turns $$ into $. */
export function expand(text: string, known: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$(\$|\(([^()]*)\))/g, (whole, inner: string, name: string | undefined) =>
    inner === "$" ? "$" : name === undefined ? whole : (known.get(name) ?? whole),
  );
}

/** The downward API's fields. */
export function fieldValue(
  pod: Pod,
  path: string,
  sources: Pick<EnvironmentSources, "podIps" | "hostIps" | "nodeName">,
): string {
  const keyed = /^metadata\.(labels|annotations)\['([^']*)'\]$/.exec(path);
  if (keyed !== null) return pod.metadata?.[keyed[1] as "labels" | "annotations"]?.[keyed[2] ?? ""] ?? "";
  switch (path) {
    case "metadata.name":
      return pod.metadata?.name ?? "";
    case "metadata.namespace":
      return pod.metadata?.namespace ?? "";
    case "metadata.uid":
      return pod.metadata?.uid ?? "";
    case "metadata.labels":
      return listed(pod.metadata?.labels);
    case "metadata.annotations":
      return listed(pod.metadata?.annotations);
    case "spec.nodeName":
      return sources.nodeName;
    case "spec.serviceAccountName":
      return pod.spec?.serviceAccountName ?? "";
    case "status.hostIP":
      return sources.hostIps[0] ?? "";
    case "status.hostIPs":
      return sources.hostIps.join(",");
    case "status.podIP":
      return sources.podIps[0] ?? "";
    case "status.podIPs":
      return sources.podIps.join(",");
    default:
      throw new TsukubeError("config", `unsupported fieldPath: ${path}`);
  }
}

function listed(values: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(values ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join("\n");
}

/** A container's request or limit, divided and rounded up; an absent limit is the pod's, else the node's. */
export function resourceValue(
  pod: Pod,
  container: Container,
  resource: string,
  divisor: string | undefined,
  sources: Pick<EnvironmentSources, "allocatable">,
): string {
  const [kind = "", name = ""] = resource.split(".");
  const given =
    kind === "limits"
      ? (container.resources?.limits?.[name] ?? pod.spec?.resources?.limits?.[name])
      : container.resources?.requests?.[name];
  const by = divisor === undefined || divisor === "" || divisor === "0" ? "1" : divisor;
  if (name === "cpu") {
    const milli =
      given === undefined ? (kind === "limits" ? sources.allocatable.cpuMilli : 0) : quantityMilliValue(given);
    return String(Math.ceil(milli / quantityMilliValue(by)));
  }
  const bytes = given !== undefined ? quantityValue(given) : kind === "limits" ? ofNode(name, sources.allocatable) : 0;
  return String(Math.ceil(bytes / quantityValue(by)));
}

function ofNode(resource: string, { memoryBytes, storageBytes }: EnvironmentSources["allocatable"]): number {
  return resource === "memory" ? memoryBytes : resource === "ephemeral-storage" ? storageBytes : 0;
}

/** NAME_SERVICE_HOST and friends, as Docker links had them. */
function serviceVariables(services: readonly Service[]): readonly (readonly [string, string])[] {
  return services.flatMap((service) => {
    const host = service.spec?.clusterIP ?? "";
    const ports = service.spec?.ports ?? [];
    const first = ports[0];
    if (host === "" || host === "None" || first === undefined) return [];
    const prefix = variableName(service.metadata?.name ?? "");
    const out: [string, string][] = [
      [`${prefix}_SERVICE_HOST`, host],
      [`${prefix}_SERVICE_PORT`, String(first.port)],
    ];
    for (const port of ports)
      if ((port.name ?? "") !== "")
        out.push([`${prefix}_SERVICE_PORT_${variableName(port.name ?? "")}`, String(port.port)]);
    for (const [index, port] of ports.entries()) {
      const protocol = port.protocol ?? "TCP";
      const url = `${protocol.toLowerCase()}://${withPort(host, port.port)}`;
      if (index === 0) out.push([`${prefix}_PORT`, url]);
      const base = `${prefix}_PORT_${port.port}_${protocol}`;
      out.push(
        [base, url],
        [`${base}_PROTO`, protocol.toLowerCase()],
        [`${base}_PORT`, String(port.port)],
        [`${base}_ADDR`, host],
      );
    }
    return out;
  });
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll("-", "_");
}
