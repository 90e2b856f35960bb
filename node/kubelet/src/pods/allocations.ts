import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Container, Pod, PodSpec, ResourceRequirements } from "@tsukube/api/types/core-v1";
import { fitOf, type Misfit, type NodeRoom, type PodRequests, requestsOf } from "./node-room.ts";

/** By container; "" is the pod as a whole. Ephemeral containers ask for nothing. */
type Allocation = Readonly<Record<string, ResourceRequirements>>;

const WHOLE = "";

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

export interface ResizeDecision {
  /** Why what the pod asks for is not given. */
  readonly pending?: PendingResize;
  /** The reason of the event that tells of it, when it was not so before. */
  readonly news?: "ResizeStarted" | "ResizeDeferred" | "ResizeInfeasible";
}

/** What the node gave each pod and its containers. It is what the pod asked for when it came; a later wish is granted when there is room. */
export class Allocations {
  readonly #deps: AllocationsDeps;
  readonly #allocations = new Map<string, Allocation>();
  readonly #pending = new Map<string, PendingResize>();

  constructor(deps: AllocationsDeps) {
    this.#deps = deps;
  }

  /** The pod as it may be: with the resources given, whatever the spec wants by now. */
  allocated(pod: Pod): Pod {
    const given = this.#of(pod);
    return given === undefined || pod.spec === undefined ? pod : { ...pod, spec: specWith(pod.spec, given) };
  }

  /** Grants what the pod asks for, if the node has it. */
  resize(pod: Pod): ResizeDecision {
    const { uid = "" } = pod.metadata ?? {};
    const wanted = wantedBy(pod);
    const given = this.#of(pod);
    if (given !== undefined && isSame(given, wanted)) {
      this.#pending.delete(uid);
      return {};
    }
    const pending = given === undefined ? undefined : this.#refusal(pod);
    if (pending !== undefined) {
      const before = this.#pending.get(uid);
      this.#pending.set(uid, pending);
      return before?.reason === pending.reason && before.message === pending.message
        ? { pending }
        : { pending, news: `Resize${pending.reason}` };
    }
    this.#pending.delete(uid);
    this.#put(pod, wanted);
    return given === undefined ? {} : { news: "ResizeStarted" };
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
    const requests = (one: Pod): PodRequests => requestsOf(this.allocated(one));
    const misfit = fitOf(requestsOf(pod), others.map(requests), this.#deps.allocatable);
    return misfit === undefined ? undefined : pendingBecause(misfit);
  }

  #of(pod: Pod): Allocation | undefined {
    const { uid = "" } = pod.metadata ?? {};
    const present = this.#allocations.get(uid);
    if (present !== undefined) return present;
    const kept = this.#kept(pod);
    if (kept === undefined) return undefined;
    const wanted = Object.entries(wantedBy(pod));
    const given = Object.fromEntries(wanted.map(([name, first]) => [name, kept[name] ?? first]));
    if (wanted.some(([name]) => kept[name] === undefined)) this.#put(pod, given);
    else this.#allocations.set(uid, given);
    return given;
  }

  #kept(pod: Pod): Allocation | undefined {
    try {
      return JSON.parse(readFileSync(this.#deps.fileOf(pod), "utf8")) as Allocation;
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

function wantedBy({ spec }: Pod): Allocation {
  const sized: readonly Container[] = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  return Object.fromEntries([
    ...sized.map(({ name, resources = {} }) => [name, resources] as const),
    [WHOLE, spec?.resources ?? {}] as const,
  ]);
}

function specWith(spec: PodSpec, given: Allocation): PodSpec {
  const of = <Part extends { readonly resources?: ResourceRequirements }>(part: Part, name: string): Part => {
    const { resources: _, ...others } = part;
    const resources = given[name] ?? {};
    return (Object.keys(resources).length > 0 ? { ...others, resources } : others) as Part;
  };
  const each = <Part extends Container>(part: Part): Part => of(part, part.name);
  const { containers, initContainers } = spec;
  const sized = {
    ...spec,
    containers: containers.map(each),
    ...(initContainers !== undefined && { initContainers: initContainers.map(each) }),
  };
  return of(sized, WHOLE);
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
