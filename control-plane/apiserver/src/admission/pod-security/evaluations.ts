import type { Counter, CounterSeries, Metrics } from "@tsukube/foundation";
import type { AdmissionAttributes } from "../../contracts.ts";
import { type Mode, NEWEST_VERSION, type Standard } from "./policy.ts";

/** What pods were held against and what came of it, under upstream's names. */
export class Evaluations {
  readonly #total: Counter;
  readonly #exempt: Counter;
  readonly #series = new Map<string, CounterSeries>();

  constructor(metrics: Metrics) {
    this.#total = metrics.counter(
      "pod_security_evaluations_total",
      "Number of policy evaluations that occurred, not counting ignored or exempt requests.",
      ["decision", "policy_level", "policy_version", "mode", "request_operation", "resource", "subresource"],
    );
    this.#exempt = metrics.counter(
      "pod_security_exemptions_total",
      "Number of exempt requests, not counting ignored or out of scope requests.",
      ["request_operation", "resource", "subresource"],
    );
    for (const request_operation of ["create", "update"])
      for (const resource of ["pod", "controller"]) this.#exempt.of({ request_operation, resource, subresource: "" });
  }

  count(decision: "allow" | "deny", mode: Mode, { level, version }: Standard, attributes: AdmissionAttributes): void {
    const { operation, resource, subresource } = attributes;
    const policyVersion = versionText(level, version);
    const key = `${decision} ${mode} ${level} ${policyVersion} ${operation} ${resource.resource} ${subresource}`;
    let series = this.#series.get(key);
    if (series === undefined) {
      series = this.#total.of({
        ...{ decision, policy_level: level, policy_version: policyVersion, mode },
        ...requestLabels(attributes),
      });
      this.#series.set(key, series);
    }
    series.inc();
  }

  exempt(attributes: AdmissionAttributes): void {
    this.#exempt.inc(requestLabels(attributes));
  }
}

function requestLabels({ operation, resource, subresource }: AdmissionAttributes) {
  return {
    request_operation: operation.toLowerCase(),
    resource: resource.resource === "pods" ? "pod" : "controller",
    subresource,
  };
}

/** Privileged is the same in every version. */
function versionText(level: string, version: number): string {
  if (level === "privileged" || version === Number.POSITIVE_INFINITY) return "latest";
  return version <= NEWEST_VERSION ? `v1.${version}` : "future";
}
