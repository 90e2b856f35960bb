import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "@tsukube/host";
import { clientBinary } from "../../src/clients.ts";
import { words } from "../../src/kubectl.ts";
import { check, expect } from "../check.ts";

/** What the tests of `npm test` do not ask of Helm: what charts know of the cluster, adoption, diffs and roll-backs by itself. */
const folder = mkdtempSync(join(tmpdir(), "tsukube-helm-"));
const env = { ...process.env, HOME: folder };
const chart = join(folder, "chart");
cpSync(join(import.meta.dirname, "chart"), chart, { recursive: true });
const helm = (line: string, accept = [0]) => run(clientBinary("helm"), words(line), { env, accept });
const kubectl = async (line: string) => (await run(clientBinary("kubectl"), words(line), { env })).stdout.trimEnd();
const ns = "-n helm";
const value = (name: string) => kubectl(`get configmap tour ${ns} -o 'jsonpath={.data.${name}}'`);

await check("a chart is installed into a namespace that it makes, and looks things up", async () => {
  await helm(`install tour ${chart} ${ns} --create-namespace --wait --timeout 60s`);
  expect(await value("major"), "1");
  expect(await value("hasLeases"), "true");
  expect(await value("namespace"), "Active");
});
await check("what somebody else changed stays through an upgrade where the chart is silent", async () => {
  await kubectl(`annotate configmap tour ${ns} mine=yes`);
  await helm(`upgrade tour ${chart} ${ns} --set text=second --wait`);
  expect(await value("text"), "second");
  expect(await kubectl(`get configmap tour ${ns} -o 'jsonpath={.metadata.annotations.mine}'`), "yes");
});
await check("a dry run asks the server, and changes nothing", async () => {
  const { stdout } = await helm(`upgrade tour ${chart} ${ns} --set text=third --dry-run=server`);
  expect(/text: "?third/.test(stdout), true);
  expect(await value("text"), "second");
});
await check("an upgrade that fails is rolled back by itself", async () => {
  const { stderr } = await helm(
    `upgrade tour ${chart} ${ns} --set text=fourth,never=true --rollback-on-failure --wait --timeout 5s`,
    [1],
  );
  expect(/context deadline exceeded|not ready|timed out|InProgress/i.test(stderr), true);
  expect(await value("text"), "second");
});
await check("another release takes over what is there, if it may", async () => {
  await kubectl(`create configmap loose ${ns}`);
  writeFileSync(
    join(chart, "templates/loose.yaml"),
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: loose}\ndata: {owned: 'yes'}\n",
  );
  const { stderr } = await helm(`upgrade tour ${chart} ${ns}`, [1]);
  expect(/invalid ownership metadata/.test(stderr), true);
  await helm(`upgrade tour ${chart} ${ns} --take-ownership --force-conflicts`);
  expect(await kubectl(`get configmap loose ${ns} -o 'jsonpath={.data.owned}'`), "yes");
});
await check("status, history, manifests, notes and values are read back from Secrets", async () => {
  const status = JSON.parse((await helm(`status tour ${ns} -o json`)).stdout) as {
    info: { status: string };
    version: number;
  };
  expect(status.info.status, "deployed");
  const history = JSON.parse((await helm(`history tour ${ns} -o json`)).stdout) as { revision: number }[];
  expect(history.at(-1)?.revision, status.version);
  expect(/kind: ConfigMap/.test((await helm(`get manifest tour ${ns}`)).stdout), true);
  expect(/Welcome/.test((await helm(`get notes tour ${ns}`)).stdout), true);
  expect((await helm(`list -A -q`)).stdout.includes("tour"), true);
});
await check("uninstall keeps what is to stay", async () => {
  await helm(`uninstall tour ${ns} --wait --timeout 60s`);
  expect(await kubectl(`get configmaps ${ns} -o name -l stays=yes`), "configmap/stays");
});
await kubectl("delete namespace helm --timeout=60s");
rmSync(folder, { recursive: true });
