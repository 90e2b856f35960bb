import type {
  Counter,
  CounterSeries,
  Gauge,
  GaugeSeries,
  Histogram,
  HistogramSeries,
  Labels,
  Metrics,
} from "@tsukube/foundation";

interface Family {
  readonly name: string;
  expose(lines: string[]): void;
}

/** A registry of metrics in memory, exposed in the Prometheus text format 0.0.4. Registering a name again returns the first. */
export function createMetrics(): Metrics {
  const families = new Map<string, Family>();
  const once = <F extends Family & (Counter | Gauge | Histogram)>(name: string, make: () => F): F => {
    const present = families.get(name);
    if (present !== undefined) return present as F;
    const made = make();
    families.set(name, made);
    return made;
  };
  return {
    counter: (name, help) => once(name, () => new ValueFamily(name, help, "counter")),
    gauge: (name, help) => once(name, () => new ValueFamily(name, help, "gauge")),
    collected: (name, help, read, type = "gauge") =>
      void families.set(name, new CollectedFamily(name, help, read, type)),
    histogram: (name, help, buckets) => once(name, () => new HistogramFamily(name, help, buckets)),
    expose() {
      const lines: string[] = [];
      for (const family of families.values()) family.expose(lines);
      return `${lines.join("\n")}\n`;
    },
  };
}

/** Of frozen labels, which those who measure much use again. */
const texts = new WeakMap<Labels, string>();

/** `{a="b"}` with values escaped as the text format asks; "" without labels. */
function labelText(labels: Labels | undefined): string {
  if (labels === undefined) return "";
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
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

class ValueFamily implements Family, Counter, Gauge {
  readonly name: string;
  readonly #help: string;
  readonly #type: string;
  readonly #series = new Map<string, ValueSeries>();

  constructor(name: string, help: string, type: "counter" | "gauge") {
    this.name = name;
    this.#help = help;
    this.#type = type;
  }

  of(labels?: Labels): ValueSeries {
    const key = labelText(labels);
    let series = this.#series.get(key);
    if (series === undefined) {
      series = new ValueSeries();
      this.#series.set(key, series);
    }
    return series;
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

  expose(lines: string[]): void {
    lines.push(`# HELP ${this.name} ${this.#help}`, `# TYPE ${this.name} ${this.#type}`);
    for (const [labels, { value }] of this.#series) lines.push(`${this.name}${labels} ${value}`);
  }
}

class CollectedFamily implements Family {
  readonly name: string;
  readonly #help: string;
  readonly #read: () => Iterable<readonly [Labels, number]>;
  readonly #type: string;

  constructor(name: string, help: string, read: () => Iterable<readonly [Labels, number]>, type: string) {
    this.name = name;
    this.#help = help;
    this.#read = read;
    this.#type = type;
  }

  expose(lines: string[]): void {
    lines.push(`# HELP ${this.name} ${this.#help}`, `# TYPE ${this.name} ${this.#type}`);
    for (const [labels, value] of this.#read()) lines.push(`${this.name}${labelText(labels)} ${value}`);
  }
}

class ValueSeries implements CounterSeries, GaugeSeries {
  value = 0;

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

class HistogramFamily implements Family, Histogram {
  readonly name: string;
  readonly #help: string;
  readonly #buckets: readonly number[];
  readonly #series = new Map<string, Distribution>();

  constructor(name: string, help: string, buckets: readonly number[]) {
    this.name = name;
    this.#help = help;
    this.#buckets = buckets;
  }

  of(labels: Labels): Distribution {
    const key = labelText(labels);
    let series = this.#series.get(key);
    if (series === undefined) {
      series = new Distribution(labels, this.#buckets);
      this.#series.set(key, series);
    }
    return series;
  }

  observe(value: number, labels: Labels = {}): void {
    this.of(labels).observe(value);
  }

  expose(lines: string[]): void {
    lines.push(`# HELP ${this.name} ${this.#help}`, `# TYPE ${this.name} histogram`);
    for (const [key, { labels, counts, sum, count }] of this.#series) {
      let below = 0;
      this.#buckets.forEach((bound, i) => {
        below += counts[i] ?? 0;
        lines.push(`${this.name}_bucket${labelTextWith(labels, `le="${bound}"`)} ${below}`);
      });
      lines.push(`${this.name}_bucket${labelTextWith(labels, 'le="+Inf"')} ${count}`);
      lines.push(`${this.name}_sum${key} ${sum}`, `${this.name}_count${key} ${count}`);
    }
  }
}

class Distribution implements HistogramSeries {
  readonly labels: Labels;
  readonly counts: number[];
  readonly #buckets: readonly number[];
  sum = 0;
  count = 0;

  constructor(labels: Labels, buckets: readonly number[]) {
    this.labels = labels;
    this.counts = new Array<number>(buckets.length).fill(0);
    this.#buckets = buckets;
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.#buckets.length && !(value <= this.#buckets[bucket]!)) bucket += 1;
    if (bucket < this.#buckets.length) this.counts[bucket]! += 1;
    this.sum += value;
    this.count += 1;
  }
}
