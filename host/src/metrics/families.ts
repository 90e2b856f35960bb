import type {
  Counter,
  CounterSeries,
  Gauge,
  GaugeSeries,
  Histogram,
  HistogramSeries,
  Labels,
  Sample,
} from "@tsukube/foundation";
import { type BucketSpan, NativeBuckets, ZERO_THRESHOLD } from "./native-buckets.ts";
import type { ProtobufWriter } from "./protobuf-writer.ts";

/** Metrics of one name. */
export interface Family {
  readonly name: string;
  /** In the text format 0.0.4; nothing while there is no series. */
  expose(lines: string[]): void;
  /** The same as a message io.prometheus.client.MetricFamily, with its length before it. */
  write(writer: ProtobufWriter): void;
}

/** What a family is before anything is measured. */
export interface Description {
  readonly name: string;
  readonly help: string;
}

const TYPES = { counter: 0, gauge: 1, histogram: 4 } as const;

abstract class Described<S extends { readonly labels: Labels }> implements Family {
  readonly name: string;
  readonly #help: string;
  readonly #type: keyof typeof TYPES;

  constructor({ name, help }: Description, type: keyof typeof TYPES) {
    this.name = name;
    this.#help = help;
    this.#type = type;
  }

  expose(lines: string[]): void {
    const at = lines.length;
    for (const series of this.series()) this.exposeSeries(series, lines);
    if (lines.length === at) return;
    lines.splice(at, 0, `# HELP ${this.name} ${escapeHelp(this.#help)}`, `# TYPE ${this.name} ${this.#type}`);
  }

  write(writer: ProtobufWriter): void {
    const all = [...this.series()];
    if (all.length === 0) return;
    writer.delimited(() => {
      writer.text(1, this.name);
      writer.text(2, this.#help);
      writer.whole(3, TYPES[this.#type]);
      for (const series of all) writer.message(4, () => this.#writeSeries(series, writer));
    });
  }

  #writeSeries(series: S, writer: ProtobufWriter): void {
    for (const name in series.labels) {
      writer.message(1, () => {
        writer.text(1, name);
        writer.text(2, series.labels[name] ?? "");
      });
    }
    this.writeSeries(series, writer);
  }

  protected abstract series(): Iterable<S>;
  protected abstract exposeSeries(series: S, lines: string[]): void;
  protected abstract writeSeries(series: S, writer: ProtobufWriter): void;
}

interface Shown {
  readonly labels: Labels;
  readonly value: number;
  /** Ms since the epoch. */
  readonly at?: number | undefined;
}

abstract class Plain<S extends Shown> extends Described<S> {
  readonly #field: number;

  constructor(description: Description, type: "counter" | "gauge") {
    super(description, type);
    this.#field = type === "counter" ? 3 : 2;
  }

  protected exposeSeries({ labels, value, at }: S, lines: string[]): void {
    lines.push(`${this.name}${labelText(labels)} ${number(value)}${at === undefined ? "" : ` ${at}`}`);
  }

  protected writeSeries({ value, at }: S, writer: ProtobufWriter): void {
    writer.message(this.#field, () => writer.double(1, value));
    if (at !== undefined) writer.whole(6, at);
  }
}

export class ValueFamily extends Plain<ValueSeries> implements Counter, Gauge {
  readonly #series = new Map<string, ValueSeries>();

  of(labels: Labels = NONE): ValueSeries {
    const key = labelText(labels);
    let series = this.#series.get(key);
    if (series === undefined) {
      series = new ValueSeries(labels);
      this.#series.set(key, series);
    }
    return series;
  }

  remove(labels: Labels): void {
    this.#series.delete(labelText(labels));
  }

  inc(labels?: Labels, by = 1): void {
    this.of(labels).inc(by);
  }

  add(delta: number, labels?: Labels): void {
    this.of(labels).add(delta);
  }

  set(value: number, labels?: Labels): void {
    this.of(labels).set(value);
  }

  protected series(): Iterable<ValueSeries> {
    return this.#series.values();
  }
}

export class CollectedFamily extends Plain<Shown> {
  readonly #read: () => Iterable<Sample>;

  constructor(description: Description, read: () => Iterable<Sample>, type: "counter" | "gauge") {
    super(description, type);
    this.#read = read;
  }

  protected *series(): Iterable<Shown> {
    for (const [labels, value, at] of this.#read()) yield { labels, value, at };
  }
}

class ValueSeries implements CounterSeries, GaugeSeries, Shown {
  readonly labels: Labels;
  value = 0;

  constructor(labels: Labels) {
    this.labels = labels;
  }

  inc(by = 1): void {
    this.value += by;
  }

  add(delta: number): void {
    this.value += delta;
  }

  set(value: number): void {
    this.value = value;
  }
}

export class HistogramFamily extends Described<Distribution> implements Histogram {
  readonly #buckets: readonly number[];
  readonly #isNative: boolean;
  readonly #series = new Map<string, Distribution>();

  /** @param isNative Whether it is a native histogram too. */
  constructor(description: Description, buckets: readonly number[], isNative: boolean) {
    super(description, "histogram");
    this.#buckets = buckets;
    this.#isNative = isNative;
  }

  of(labels: Labels): Distribution {
    const key = labelText(labels);
    let series = this.#series.get(key);
    if (series === undefined) {
      series = new Distribution(labels, this.#buckets, this.#isNative);
      this.#series.set(key, series);
    }
    return series;
  }

  remove(labels: Labels): void {
    this.#series.delete(labelText(labels));
  }

  observe(value: number, labels: Labels = NONE): void {
    this.of(labels).observe(value);
  }

  protected series(): Iterable<Distribution> {
    return this.#series.values();
  }

  protected exposeSeries({ labels, counts, sum, count }: Distribution, lines: string[]): void {
    let below = 0;
    this.#buckets.forEach((bound, i) => {
      below += counts[i] ?? 0;
      lines.push(`${this.name}_bucket${labelTextWith(labels, `le="${number(bound)}"`)} ${below}`);
    });
    const key = labelText(labels);
    lines.push(`${this.name}_bucket${labelTextWith(labels, 'le="+Inf"')} ${count}`);
    lines.push(`${this.name}_sum${key} ${number(sum)}`, `${this.name}_count${key} ${count}`);
  }

  protected writeSeries({ counts, sum, count, native }: Distribution, writer: ProtobufWriter): void {
    writer.message(7, () => {
      writer.whole(1, count);
      writer.double(2, sum);
      let below = 0;
      this.#buckets.forEach((bound, i) => {
        below += counts[i] ?? 0;
        writer.message(3, () => {
          writer.whole(1, below);
          writer.double(2, bound);
        });
      });
      if (native !== undefined) writeNative(native, writer);
    });
  }
}

function writeNative({ schema, zeros, negative, positive }: NativeBuckets, writer: ProtobufWriter): void {
  writer.signed(5, schema);
  writer.double(6, ZERO_THRESHOLD);
  writer.whole(7, zeros);
  writeSpans(negative, 9, writer);
  writeSpans(positive, 12, writer);
}

/** @param field Of the spans; how counts differ, from the one before, stands in the next. */
function writeSpans(spans: readonly BucketSpan[], field: number, writer: ProtobufWriter): void {
  for (const { offset, counts } of spans) {
    writer.message(field, () => {
      writer.signed(1, offset);
      writer.whole(2, counts.length);
    });
  }
  const counts = spans.flatMap((span) => span.counts);
  for (const [index, count] of counts.entries()) writer.signed(field + 1, count - (counts[index - 1] ?? 0));
}

class Distribution implements HistogramSeries {
  readonly labels: Labels;
  readonly counts: number[];
  readonly native: NativeBuckets | undefined;
  readonly #buckets: readonly number[];
  sum = 0;
  count = 0;

  constructor(labels: Labels, buckets: readonly number[], isNative: boolean) {
    this.labels = labels;
    this.counts = new Array<number>(buckets.length).fill(0);
    this.#buckets = buckets;
    this.native = isNative ? new NativeBuckets() : undefined;
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.#buckets.length && !(value <= this.#buckets[bucket]!)) bucket += 1;
    if (bucket < this.#buckets.length) this.counts[bucket]! += 1;
    this.sum += value;
    this.count += 1;
    this.native?.observe(value);
  }
}

const NONE: Labels = Object.freeze({});

/** Of frozen labels, which those who measure much use again. */
const texts = new WeakMap<Labels, string>();

/** `{a="b"}` with values escaped as the text format asks; "" without labels. */
function labelText(labels: Labels): string {
  let text = texts.get(labels);
  if (text === undefined) {
    text = labelTextWith(labels, "");
    if (Object.isFrozen(labels)) texts.set(labels, text);
  }
  return text;
}

function labelTextWith(labels: Labels, extra: string): string {
  let text = "";
  for (const key in labels) text += `${text === "" ? "" : ","}${key}="${escapeLabel(labels[key] ?? "")}"`;
  if (extra !== "") text += `${text === "" ? "" : ","}${extra}`;
  return text === "" ? "" : `{${text}}`;
}

function escapeLabel(value: string): string {
  if (!/[\\"\n]/.test(value)) return value;
  return escapeHelp(value).replaceAll('"', '\\"');
}

function escapeHelp(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

/** As Go writes it ('g', the fewest digits): bounds are told apart by their text. */
function number(value: number): string {
  const size = Math.abs(value);
  if (size === Infinity) return value > 0 ? "+Inf" : "-Inf";
  if (value === 0 || (size >= 1e-4 && size < 1e6) || Number.isNaN(value)) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
}
