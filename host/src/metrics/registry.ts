import type { Counter, Gauge, Histogram, Metrics } from "@tsukube/foundation";
import { CollectedFamily, type Family, HistogramFamily, ValueFamily } from "./families.ts";
import { ProtobufWriter } from "./protobuf-writer.ts";
import { withStability } from "./stability.ts";

export interface MetricsOptions {
  /** Whether histograms are native histograms too, which only protobuf shows; true by default. */
  readonly nativeHistograms?: boolean;
  /** Whether they are upstream's that have a level of stability; true by default. */
  readonly hasStability?: boolean;
}

/** A registry of metrics in memory. Registering a name again returns the first. */
export function createMetrics({ nativeHistograms = true, hasStability = true }: MetricsOptions = {}): Metrics {
  const families = new Map<string, Family>();
  const described = (name: string, help: string) => ({ name, help: hasStability ? withStability(name, help) : help });
  const once = <F extends Family & (Counter | Gauge | Histogram)>(name: string, make: () => F): F => {
    const present = families.get(name);
    if (present !== undefined) return present as F;
    const made = make();
    families.set(name, made);
    return made;
  };
  const sorted = () => [...families.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    counter: (name, help) => once(name, () => new ValueFamily(described(name, help), "counter")),
    gauge: (name, help) => once(name, () => new ValueFamily(described(name, help), "gauge")),
    collected: (name, help, read, type = "gauge") =>
      void families.set(name, new CollectedFamily(described(name, help), read, type)),
    histogram: (name, help, buckets) =>
      once(name, () => new HistogramFamily(described(name, help), buckets, nativeHistograms)),
    expose() {
      const lines: string[] = [];
      for (const family of sorted()) family.expose(lines);
      return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
    },
    exposeProtobuf() {
      const writer = new ProtobufWriter();
      for (const family of sorted()) family.write(writer);
      return writer.written;
    },
  };
}
