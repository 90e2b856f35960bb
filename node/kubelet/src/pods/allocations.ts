import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Container, Pod, ResourceRequirements } from "@tsukube/api/types/core-v1";
import { fitOf, type Misfit, type NodeRoom, type PodRequests, requestsOf } from "./node-room.ts";
import { containersOf } from "./pod-containers.ts";

type Allocation = Readonly<Record<string, ResourceRequirements>>;

export interface AllocationsDeps {
  readonly allocatable: NodeRoom;
  /** Pods of the node that have not ended. */
  activePods(): readonly Pod[];
  /** Where a pod's allocation is kept over restarts. */
  fileOf(pod: Pod): string;
}

/** A resize that the node cannot give, or not yet. */
export interface PendingResize {
  readonly reason: "Infeasible" | "Deferred";
  readonly message: string;
}

/** What the node gave each container. It is what the pod asked for when it came; a later wish is granted when there is room. */
export class Allocations {
  readonly #deps: AllocationsDeps;
  readonly #allocations = new Map<string, Allocation>();
  readonly #pending = new Map<string, PendingResize>();

  constructor(deps: AllocationsDeps) {
    this.#deps = deps;
  }

  /** The container as it may be: with the resources given, whatever the spec wants by now. */
  allocated(pod: Pod, container: Container): Container {
    const resources = this.#of(pod)?.[container.name];
    return resources === undefined ? container : { ...container, resources };
  }

  /** Grants what the pod asks for, if the node has it. @returns why not. */
  resize(pod: Pod): PendingResize | undefined {
    const { uid = "" } = pod.metadata ?? {};
    const wanted: Allocation = Object.fromEntries(
      containersOf(pod).map(({ name, resources = {} }) => [name, resources]),
    );
    const given = this.#of(pod);
    if (given !== undefined && isSame(given, wanted)) {
      this.#pending.delete(uid);
      return undefined;
    }
    const refused = given === undefined ? undefined : this.#refusal(pod);
    if (refused !== undefined) {
      this.#pending.set(uid, refused);
      return refused;
    }
    this.#pending.delete(uid);
    this.#put(pod, wanted);
    return undefined;
  }

  /** Waits for room that another pod has. */
  isDeferred(uid: string): boolean {
    return this.#pending.get(uid)?.reason === "Deferred";
  }

  forget(uid: string): void {
    this.#allocations.delete(uid);
    this.#pending.delete(uid);
  }

  #refusal(pod: Pod): PendingResize | undefined {
    const others = this.#deps.activePods().filter(({ metadata }) => metadata?.uid !== pod.metadata?.uid);
    const requests = (one: Pod): PodRequests => requestsOf(one, (container) => this.allocated(one, container));
    const misfit = fitOf(requestsOf(pod), others.map(requests), this.#deps.allocatable);
    return misfit === undefined ? undefined : pendingBecause(misfit);
  }

  #of(pod: Pod): Allocation | undefined {
    const { uid = "" } = pod.metadata ?? {};
    const present = this.#allocations.get(uid);
    if (present !== undefined) return present;
    try {
      const kept = JSON.parse(readFileSync(this.#deps.fileOf(pod), "utf8")) as Allocation;
      this.#allocations.set(uid, kept);
      return kept;
    } catch {
      return undefined; // it was never here
    }
  }

  #put(pod: Pod, allocation: Allocation): void {
    this.#allocations.set(pod.metadata?.uid ?? "", allocation);
    const file = this.#deps.fileOf(pod);
    mkdirSync(dirname(file), { recursive: true, mode: 0o750 });
    writeFileSync(file, JSON.stringify(allocation));
  }
}

function pendingBecause({ resource, requested, used, capacity }: Misfit): PendingResize {
  if (requested > capacity)
    return {
      reason: "Infeasible",
      message: `Node didn't have enough capacity: ${resource}, requested: ${requested}, capacity: ${capacity}`,
    };
  const message = `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`;
  return { reason: "Deferred", message };
}

function isSame(a: Allocation, b: Allocation): boolean {
  const shown = (allocation: Allocation): string =>
    JSON.stringify(
      Object.entries(allocation)
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .map(([name, { requests = {}, limits = {} }]) => [name, sorted(requests), sorted(limits)]),
    );
  return shown(a) === shown(b);
}

function sorted(values: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(values).sort(([one], [other]) => (one < other ? -1 : 1));
}
