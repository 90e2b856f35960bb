import { appendFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { compare, type Difference } from "./differential/compare.ts";
import { type Scenario, transcript } from "./differential/exchange.ts";
import { reasonFor } from "./differential/reasons.ts";
import { differenceText, type Findings, reportText } from "./differential/report.ts";
import { scenariosOf } from "./differential/scenarios.ts";
import { type Server, serverOfKubeconfig, startOwnServer, startUpstream } from "./differential/servers.ts";

const USAGE = `npm run differential -- [KUBECONFIG_A KUBECONFIG_B] [OPTIONS]
Sends the same requests to two API servers and prints where their answers differ, one example of each sort, and what explains
the rest. Without kubeconfigs it starts two, each alone: upstream's kube-apiserver (npm run peers builds it) and ours.
Ends with 1 if a difference has no reason.
  --all        with every API version and feature gate: those that are off by default as well
  --only RE    scenarios whose name fits
  --out FILE   every difference as a line of JSON, with its reason
  --each       prints every difference that has no reason
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    all: { type: "boolean", default: false },
    only: { type: "string", default: "." },
    out: { type: "string" },
    each: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

async function main(): Promise<void> {
  if (values.help || (positionals.length !== 0 && positionals.length !== 2)) {
    process.stdout.write(USAGE);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const [first, second] = positionals;
  const a = first === undefined ? await startUpstream({ isWhole: values.all }) : serverOfKubeconfig("A", first);
  const b = second === undefined ? await startOwnServer(values.all) : serverOfKubeconfig("B", second);
  try {
    const findings = await compareAll(a, b);
    process.stdout.write(reportText(findings, [a.name, b.name]));
    process.exitCode = findings.unexplained.length === 0 ? 0 : 1;
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}

async function compareAll(a: Server, b: Server): Promise<Findings> {
  if (values.out !== undefined) writeFileSync(values.out, "");
  const only = new RegExp(values.only);
  const scenarios = scenariosOf(values.all).filter(({ name }) => only.test(name));
  const unexplained: Difference[] = [];
  const explained = new Map<string, number>();
  let requests = 0;
  for (const scenario of scenarios) {
    const found = await compareOne(scenario, a, b);
    requests += found.requests;
    for (const difference of found.differences) {
      const because = reasonFor(difference);
      if (because === undefined) unexplained.push(difference);
      else explained.set(because, (explained.get(because) ?? 0) + 1);
      if (because === undefined && values.each) process.stdout.write(differenceText(difference, [a.name, b.name]));
      if (values.out !== undefined) appendFileSync(values.out, `${JSON.stringify({ ...difference, because })}\n`);
    }
  }
  return { scenarios: scenarios.length, requests, unexplained, explained };
}

async function compareOne(
  scenario: Scenario,
  a: Server,
  b: Server,
): Promise<{ readonly requests: number; readonly differences: readonly Difference[] }> {
  const [left, right] = await Promise.all([transcript(scenario, a.transport), transcript(scenario, b.transport)]);
  return { requests: left.length, differences: compare(scenario.name, left, right) };
}

await main();
