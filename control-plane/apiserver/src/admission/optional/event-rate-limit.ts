import { ApiError, aggregateMessage } from "@tsukube/api";
import type { Event } from "@tsukube/api/types/core-v1";
import { type Clock, TokenBucket } from "@tsukube/foundation";
import { type FieldReader, within } from "../../configuration/field-reader.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../contracts.ts";

const KEYS = {
  Server: () => "",
  Namespace: ({ namespace }: AdmissionAttributes) => namespace,
  User: ({ context }: AdmissionAttributes) => context.user.name,
  SourceAndObject: ({ object }: AdmissionAttributes) => {
    const { source, involvedObject } = object as unknown as Event;
    const { kind, namespace, name, uid, apiVersion } = involvedObject ?? {};
    return [source?.component, source?.host, kind, namespace, name, uid, apiVersion].join("");
  },
};
const TYPES = Object.keys(KEYS) as readonly EventLimit["type"][];
const CACHE_SIZE = 4096;

/** How many events may be written: `burst` at once, `qps` a second in the long run; of each namespace, user or source by itself. */
export interface EventLimit {
  readonly type: keyof typeof KEYS;
  readonly qps: number;
  readonly burst: number;
  /** Keys that are told apart; the one that was not used for longest begins anew. */
  readonly cacheSize: number;
}

/** Reads eventratelimit.admission.k8s.io/v1alpha1. */
export function readEventLimits(reader: FieldReader, at: string, raw: unknown): readonly EventLimit[] {
  if (!reader.isOf(at, raw, "Configuration", ["eventratelimit.admission.k8s.io/v1alpha1"])) return [];
  const { limits } = reader.members(at, raw);
  const path = within(at, "limits");
  return reader.some(path, limits).map((one, index) => readLimit(reader, `${path}[${index}]`, one));
}

function readLimit(reader: FieldReader, path: string, raw: unknown): EventLimit {
  const { type: name = "", burst, qps, cacheSize } = reader.members(path, raw);
  const type = TYPES.find((known) => known === name);
  if (type === undefined) reader.wrong(`${path}.type`, `"${name}"`, `one of ${TYPES.join(", ")}`);
  const limit = {
    burst: reader.whole(`${path}.burst`, burst),
    qps: reader.whole(`${path}.qps`, qps),
    cacheSize: reader.whole(`${path}.cacheSize`, cacheSize),
  };
  for (const field of ["burst", "qps"] as const)
    if (limit[field] <= 0) reader.wrong(`${path}.${field}`, String(limit[field]), "more than 0");
  if (limit.cacheSize < 0 && type !== "Server") reader.wrong(`${path}.cacheSize`, String(limit.cacheSize), "0 or more");
  return { type: type ?? "Server", ...limit, cacheSize: limit.cacheSize || CACHE_SIZE };
}

/** Keeps what writes events in a loop from filling the store. Each limit counts each event, whatever the others say of it. */
export function eventRateLimit(limits: readonly EventLimit[], clock: Clock): AdmissionPlugin {
  const counters = limits.map((limit) => ({ limit, buckets: new Map<string, TokenBucket>() }));
  return {
    name: "EventRateLimit",
    handles: ({ operation, kind, dryRun }) =>
      (operation === "CREATE" || operation === "UPDATE") && kind.group === "" && kind.kind === "Event" && !dryRun,
    async validate(attributes) {
      const reached = counters.flatMap(({ limit, buckets }) => {
        const key = KEYS[limit.type](attributes);
        const isLeft = bucketOf(buckets, key, limit, clock).take(limit.qps, clock.monotonic());
        return isLeft ? [] : [`limit reached on type ${limit.type} for key ${key}`];
      });
      if (reached.length === 0) return;
      throw ApiError.tooManyRequests(`Too many requests: ${aggregateMessage(reached)}`);
    },
  };
}

function bucketOf(buckets: Map<string, TokenBucket>, key: string, limit: EventLimit, clock: Clock): TokenBucket {
  const bucket = buckets.get(key) ?? new TokenBucket(clock.monotonic(), limit.burst);
  buckets.delete(key);
  buckets.set(key, bucket);
  const [oldest] = buckets.keys();
  if (buckets.size > limit.cacheSize && oldest !== undefined) buckets.delete(oldest);
  return bucket;
}
