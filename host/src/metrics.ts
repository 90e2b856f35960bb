import type { Counter, Gauge, Histogram, Labels, Metrics } from "@tsukube/foundation";

interface Family {
  readonly name: string;
  expose(lines: string[]): void;
}

/** A registry of metrics in memory, exposed in the Prometheus text format 0.0.4. Registering a name again returns the first. */
export function createMetrics(): Metrics {
  const families = new Map<string, Family & (Counter | Gauge | Histogram)>();
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
  readonly #values = new Map<string, number>();

  constructor(name: string, help: string, type: "counter" | "gauge") {
    this.name = name;
    this.#help = help;
    this.#type = type;
  }

  inc(labels?: Labels, by = 1): void {
    this.add(by, labels);
  }

  add(delta: number, labels?: Labels): void {
    const key = labelText(labels);
    this.#values.set(key, (this.#values.get(key) ?? 0) + delta);
  }

  set(value: number, labels?: Labels): void {
    this.#values.set(labelText(labels), value);
  }

  expose(lines: string[]): void {
    lines.push(`# HELP ${this.name} ${this.#help}`, `# TYPE ${this.name} ${this.#type}`);
    for (const [labels, value] of this.#values) lines.push(`${this.name}${labels} ${value}`);
  }
}

interface Series {
  readonly labels: Labels;
  readonly counts: number[];
  sum: number;
  count: number;
}

class HistogramFamily implements Family, Histogram {
  readonly name: string;
  readonly #help: string;
  readonly #buckets: readonly number[];
  readonly #series = new Map<string, Series>();

  constructor(name: string, help: string, buckets: readonly number[]) {
    this.name = name;
    this.#help = help;
    this.#buckets = buckets;
  }

  observe(value: number, labels: Labels = {}): void {
    const key = labelText(labels);
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { labels, counts: new Array<number>(this.#buckets.length).fill(0), sum: 0, count: 0 };
      this.#series.set(key, series);
    }
    const bucket = this.#buckets.findIndex((bound) => value <= bound);
    if (bucket >= 0) series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    series.sum += value;
    series.count += 1;
  }

  expose(lines: string[]): void {
    lines.push(`# HELP ${this.name} ${this.#help}`, `# TYPE ${this.name} histogram`);
    for (const [key, series] of this.#series) {
      let below = 0;
      this.#buckets.forEach((bound, i) => {
        below += series.counts[i] ?? 0;
        lines.push(`${this.name}_bucket${labelTextWith(series.labels, `le="${bound}"`)} ${below}`);
      });
      lines.push(`${this.name}_bucket${labelTextWith(series.labels, 'le="+Inf"')} ${series.count}`);
      lines.push(`${this.name}_sum${key} ${series.sum}`, `${this.name}_count${key} ${series.count}`);
    }
  }
}
