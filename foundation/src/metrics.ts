/** Frozen ones that are used again are the quickest. */
export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  inc(labels?: Labels, by?: number): void;
  /** The series of these labels, for those who count much: it spares looking for it each time. */
  of(labels: Labels): CounterSeries;
  /** Of what is gone. */
  remove(labels: Labels): void;
}
export interface Gauge {
  set(value: number, labels?: Labels): void;
  add(delta: number, labels?: Labels): void;
  of(labels: Labels): GaugeSeries;
}
export interface Histogram {
  observe(value: number, labels?: Labels): void;
  of(labels: Labels): HistogramSeries;
  remove(labels: Labels): void;
}

export interface CounterSeries {
  inc(by?: number): void;
}
export interface GaugeSeries {
  set(value: number): void;
  add(delta: number): void;
}
export interface HistogramSeries {
  observe(value: number): void;
}

/** A value that was read, and when, in ms since the epoch, where it was not just now. */
export type Sample = readonly [labels: Labels, value: number, at?: number];

/** Where components register what they measure; names and labels follow upstream's where upstream has the metric. */
export interface Metrics {
  counter(name: string, help: string, labels?: readonly string[]): Counter;
  gauge(name: string, help: string, labels?: readonly string[]): Gauge;
  /** @param buckets Upper bounds, rising, without +Inf. */
  histogram(name: string, help: string, buckets: readonly number[], labels?: readonly string[]): Histogram;
  /** Series that are looked at when somebody asks for them. @param read The value of each, by its labels. @param type Default "gauge". */
  collected(name: string, help: string, read: () => Iterable<Sample>, type?: "gauge" | "counter"): void;
  /** The Prometheus text format 0.0.4 of everything registered, by name. */
  expose(): string;
  /** The same as protobuf: messages io.prometheus.client.MetricFamily, each with its length before it. */
  exposeProtobuf(): Uint8Array;
}
