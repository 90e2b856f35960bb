import { canonicalQuantity } from "../../quantity.ts";
import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { fieldError } from "../../status/field-error.ts";
import { type Check, child, isUnset, member } from "../check.ts";

/** Fields of a pod that its containers may be told, in the order of upstream's list. */
const FIELD_LABELS: ReadonlySet<string> = new Set([
  ...["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"],
  ...["spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "spec.schedulerName", "spec.host"],
  ...["status.phase", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"],
]);

/** "metadata.labels['x']": a map of metadata and a key. */
const SUBSCRIPT = /^(.*?)\['(.*)'\]$/s;

/** core/v1.ObjectFieldSelector. @param paths Those that may be told here, sorted. */
export function fieldReference(paths: readonly string[]): Check {
  return (value, at, errors) => {
    const [version, path] = [String(member(value, "apiVersion") ?? ""), String(member(value, "fieldPath") ?? "")];
    const here = child(at, "fieldPath");
    if (version === "") return void errors.push(fieldError.required(child(at, "apiVersion")));
    if (path === "") return void errors.push(fieldError.required(here));
    const problem = conversionProblem(version, path);
    if (problem !== undefined)
      return void errors.push(fieldError.invalid(here, path, `error converting fieldPath: ${problem}`));
    const [, map, key = ""] = SUBSCRIPT.exec(path) ?? [];
    if (map !== undefined) {
      const name = map === "metadata.annotations" ? key.toLowerCase() : key;
      for (const each of labelKeyProblems(name)) errors.push(fieldError.invalid(at, name, each));
    } else if (!paths.includes(path)) errors.push(fieldError.notSupported(here, path, paths));
  };
}

function conversionProblem(version: string, path: string): string | undefined {
  if (version !== "v1") return `unsupported pod version: ${version}`;
  const [, map, key = ""] = SUBSCRIPT.exec(path) ?? [];
  if (map !== undefined && key !== "")
    return map === "metadata.annotations" || map === "metadata.labels"
      ? undefined
      : `field label does not support subscript: ${path}`;
  return FIELD_LABELS.has(path) ? undefined : `field label not supported: ${path}`;
}

const RESOURCES = [
  ...["limits.cpu", "limits.ephemeral-storage", "limits.memory"],
  ...["requests.cpu", "requests.ephemeral-storage", "requests.memory"],
];
const HUGE_PAGES = /^(limits|requests)\.hugepages-/;
const SIZES = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];

/** core/v1.ResourceFieldSelector. @param needsContainer Outside of a container it must be named. */
export function resourceReference(needsContainer: boolean): Check {
  return (value, at, errors) => {
    const resource = String(member(value, "resource") ?? "");
    if (needsContainer && isUnset(member(value, "containerName")))
      errors.push(fieldError.required(child(at, "containerName")));
    else if (resource === "") errors.push(fieldError.required(child(at, "resource")));
    else if (!RESOURCES.includes(resource) && !HUGE_PAGES.test(resource))
      errors.push(fieldError.notSupported(child(at, "resource"), resource, RESOURCES));
    const why = divisorProblem(resource, canonicalQuantity(String(member(value, "divisor") ?? "0")));
    if (why !== undefined) errors.push(fieldError.invalid(child(at, "divisor"), resource, why));
  };
}

function divisorProblem(resource: string, divisor: string): string | undefined {
  if (divisor === "0") return undefined;
  if (resource.endsWith(".cpu"))
    return divisor === "1m" || divisor === "1"
      ? undefined
      : "only divisor's values 1m and 1 are supported with the cpu resource";
  const kind = kindOf(resource);
  if (kind === undefined || SIZES.includes(divisor)) return undefined;
  return `only divisor's values ${SIZES.join(", ")} are supported with the ${kind} resource`;
}

function kindOf(resource: string): string | undefined {
  if (resource.endsWith(".memory")) return "memory";
  if (resource.endsWith(".ephemeral-storage")) return "local ephemeral storage";
  return HUGE_PAGES.test(resource) ? "hugepages" : undefined;
}
