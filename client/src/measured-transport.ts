import type { Clock, CounterSeries, HistogramSeries, Metrics } from "@tsukube/foundation";
import type { ApiRequest, ApiResponse, Transport } from "./transport.ts";

export interface MeasuredTransportOptions {
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Of the API server: "127.0.0.1:6443". */
  readonly host: string;
}

const SECONDS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];

const WATCH = /[?&]watch=(true|1)(&|$)/;

/** Counts requests by their answers, and measures how long those took but for watches, under client-go's names. */
export function measuredTransport(transport: Transport, { metrics, clock, host }: MeasuredTransportOptions): Transport {
  const requests = metrics.counter(
    "rest_client_requests_total",
    "Number of HTTP requests, partitioned by status code, method, and host.",
    ["code", "method", "host"],
  );
  const latency = "Request latency in seconds. Broken down by verb, and host.";
  const took = metrics.histogram("rest_client_request_duration_seconds", latency, SECONDS, ["verb", "host"]);
  const counted = new Map<string, CounterSeries>();
  const measured = new Map<string, HistogramSeries>();
  const record = ({ method, path }: ApiRequest, code: string, seconds: number): void => {
    const key = `${method} ${code}`;
    let answers = counted.get(key);
    if (answers === undefined) counted.set(key, (answers = requests.of({ code, method, host })));
    answers.inc();
    if (WATCH.test(path)) return;
    let durations = measured.get(method);
    if (durations === undefined) measured.set(method, (durations = took.of({ verb: method, host })));
    durations.observe(seconds);
  };
  return {
    async request(request: ApiRequest): Promise<ApiResponse> {
      const began = clock.monotonic();
      let code = "<error>";
      try {
        const response = await transport.request(request);
        code = String(response.status);
        return response;
      } finally {
        record(request, code, (clock.monotonic() - began) / 1000);
      }
    },
    close: () => transport.close(),
  };
}
