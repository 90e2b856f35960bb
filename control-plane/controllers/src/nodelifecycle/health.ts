import type { Lease } from "@tsukube/api/types/coordination-v1";
import type { Node, NodeCondition } from "@tsukube/api/types/core-v1";
import { formatTime } from "@tsukube/foundation";
import { conditionOf } from "../nodes/conditions.ts";

/** Without a sign for this long a node is not reachable; upstream's --node-monitor-grace-period. */
const GRACE_MS = 50_000;
/** The same for a node that never had a status; --node-startup-grace-period. */
const STARTUP_GRACE_MS = 60_000;
/** What only the kubelet knows. NetworkUnavailable is for the control plane to say. */
const REPORTED = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/** The last sign of a node, by the clock of whoever looks: clocks of nodes differ. */
export interface Health {
  readonly heartbeat: string | undefined;
  readonly renewed: string;
  /** When the sign was seen, in monotonic ms. */
  readonly seenAt: number;
}

export interface Instant {
  /** Ms since the epoch. */
  readonly now: number;
  readonly monotonic: number;
}

/** Pure: what is known after another look at the node and its lease. */
export function observe(before: Health | undefined, node: Node, lease: Lease | undefined, at: Instant): Health {
  const ready = conditionOf(node, "Ready");
  const heartbeat = ready === undefined ? undefined : (ready.lastHeartbeatTime ?? "");
  const renewTime = lease?.spec?.renewTime ?? "";
  const isRenewed = renewTime > (before?.renewed ?? "");
  const renewed = isRenewed ? renewTime : (before?.renewed ?? "");
  const isSign = isRenewed || (before === undefined ? heartbeat !== undefined : heartbeat !== before.heartbeat);
  if (isSign) return { heartbeat, renewed, seenAt: at.monotonic };
  return { heartbeat, renewed, seenAt: before?.seenAt ?? at.monotonic - ageOf(node, at.now) };
}

function ageOf({ metadata }: Node, now: number): number {
  return now - (Date.parse(metadata?.creationTimestamp ?? "") || now);
}

/** Pure: for how long nobody has to worry yet; at most 0 when the node is lost. */
export function graceLeft({ heartbeat, seenAt }: Health, at: Instant): number {
  return seenAt + (heartbeat === undefined ? STARTUP_GRACE_MS : GRACE_MS) - at.monotonic;
}

/** Pure: the conditions of a lost node, of which nothing is known any more; undefined when they say so already. */
export function unknownConditions(node: Node, now: number): readonly NodeCondition[] | undefined {
  if (conditionOf(node, "Ready")?.status === "Unknown") return undefined;
  const present = (node.status?.conditions ?? []).map((condition) => {
    if (!REPORTED.includes(condition.type) || condition.status === "Unknown") return condition;
    return {
      ...condition,
      status: "Unknown",
      reason: "NodeStatusUnknown",
      message: "Kubelet stopped posting node status.",
      lastTransitionTime: formatTime(now),
    };
  });
  const missing = REPORTED.filter((type) => conditionOf(node, type) === undefined).map((type) => ({
    type,
    status: "Unknown",
    reason: "NodeStatusNeverUpdated",
    message: "Kubelet never posted node status.",
    lastHeartbeatTime: node.metadata?.creationTimestamp ?? formatTime(now),
    lastTransitionTime: formatTime(now),
  }));
  return [...present, ...missing];
}
