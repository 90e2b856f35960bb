import { appendFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { compare, type Difference } from "./differential/compare.ts";
import { type Scenario, transcript } from "./differential/exchange.ts";
import { reasonFor } from "./differential/reasons.ts";
import { SCENARIOS } from "./differential/scenarios.ts";
import { type Server, serverOfKubeconfig, startOwnServer, startUpstream } from "./differential/servers.ts";

const USAGE = `npm run differential -- [KUBECONFIG_A KUBECONFIG_B] [OPTIONS]
Sends the same requests to two API servers and prints every difference between their answers. Without kubeconfigs it starts
two, each alone: upstream's kube-apiserver (npm run peers builds it) and ours.
  --only RE      scenarios whose name fits
  --out FILE     every difference as a line of JSON
  --explained    prints also those that have a reason
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string", default: "." },
    out: { type: "string" },
    explained: { type: "boolean", default: false },
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
  const a = first === undefined ? await startUpstream() : serverOfKubeconfig("A", first);
  const b = second === undefined ? await startOwnServer() : serverOfKubeconfig("B", second);
  try {
    process.exitCode = (await compareAll(a, b)) === 0 ? 0 : 1;
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}

/** @returns how many differences have no reason. */
async function compareAll(a: Server, b: Server): Promise<number> {
  if (values.out !== undefined) writeFileSync(values.out, "");
  const only = new RegExp(values.only);
  const totals = { scenarios: 0, requests: 0, explained: 0, unexplained: 0 };
  for (const scenario of SCENARIOS.filter(({ name }) => only.test(name))) {
    const { requests, differences } = await compareOne(scenario, a, b);
    totals.scenarios += 1;
    totals.requests += requests;
    for (const difference of differences) {
      const because = reasonFor(difference);
      totals[because === undefined ? "unexplained" : "explained"] += 1;
      if (because === undefined || values.explained) print(difference, because, a.name, b.name);
      if (values.out !== undefined) appendFileSync(values.out, `${JSON.stringify({ ...difference, because })}\n`);
    }
  }
  const { scenarios, requests, explained, unexplained } = totals;
  process.stdout.write(
    `\n${requests} requests in ${scenarios} scenarios: ${unexplained} differences without a reason, ${explained} with one\n`,
  );
  return unexplained;
}

async function compareOne(
  scenario: Scenario,
  a: Server,
  b: Server,
): Promise<{ readonly requests: number; readonly differences: readonly Difference[] }> {
  const [left, right] = await Promise.all([transcript(scenario, a.transport), transcript(scenario, b.transport)]);
  return { requests: left.length, differences: compare(scenario.name, left, right) };
}

const SHOWN = 600;

function print(difference: Difference, because: string | undefined, a: string, b: string): void {
  const { scenario, line, part } = difference;
  const reason = because === undefined ? "" : `\n  because ${because}`;
  process.stdout.write(
    `${scenario}: ${line}\n  ${part}${reason}\n    ${a}: ${difference.a.slice(0, SHOWN)}\n    ${b}: ${difference.b.slice(0, SHOWN)}\n`,
  );
}

await main();
