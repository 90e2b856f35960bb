import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "@tsukube/host";
import { clientBinary } from "../../src/clients.ts";
import { words } from "../../src/kubectl.ts";
import { becomes, check, expect } from "../check.ts";

/**
 * What the tests of `npm test` do not ask of kubectl, asked by each kubectl that is there: the one that they use, and with
 * KUBECTL another one, such as of the cluster's own version.
 */
const folder = mkdtempSync(join(tmpdir(), "tsukube-kubectl-"));
const env = { ...process.env, HOME: folder };
const ANY = Array.from({ length: 256 }, (_, code) => code);

const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const map = (name: string, value: string, more = ""): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, labels: {app: tour}${more}}\ndata: {k: "${value}"}\n---\n`;

async function tour(binary: string): Promise<void> {
  const out = async (line: string, input = ""): Promise<string> =>
    (await run(binary, words(line), { env, input })).stdout.trimEnd();
  const fails = async (line: string): Promise<string> => {
    const { code, stderr } = await run(binary, words(line), { env, accept: ANY });
    if (code === 0) throw new Error(`${line}: succeeded`);
    return stderr;
  };
  const version = /v[\d.]+/.exec(await out("version --client"))?.[0] ?? "";
  const namespace = `kubectl-${version.replaceAll(".", "-").slice(1)}`;
  const ns = `-n ${namespace}`;
  const asks = (sentence: string, question: () => Promise<void>) => check(`${version}: ${sentence}`, question);
  await out(`create namespace ${namespace}`);

  await asks("apply --prune removes what the files no longer have", async () => {
    const both = file("both.yaml", map("a", "1") + map("b", "1"));
    await out(`apply ${ns} -f ${both}`);
    const one = file("one.yaml", map("a", "2"));
    const said = await out(`apply ${ns} -f ${one} --prune -l app=tour --prune-allowlist=core/v1/ConfigMap`);
    expect(said.split("\n").sort(), ["configmap/a configured", "configmap/b pruned"]);
  });
  await asks("an apply set remembers its members, and prunes them", async () => {
    const set = { env: { ...env, KUBECTL_APPLYSET: "true" } };
    const apply = (path: string) =>
      run(binary, words(`apply ${ns} -f ${path} --prune --applyset=set --server-side`), set);
    await apply(file("members.yaml", map("one", "1") + map("two", "1")));
    await apply(file("members.yaml", map("one", "1")));
    expect(await fails(`get configmap two ${ns}`).then((text) => text.includes("not found")), true);
    const part = `get configmaps ${ns} -l applyset.kubernetes.io/part-of -o name`;
    expect(await out(part), "configmap/one");
  });
  await asks("create token, and what it may", async () => {
    const token = await out(
      `create token default ${ns} --duration=10m --audience=https://kubernetes.default.svc.cluster.local`,
    );
    expect(token.split(".").length, 3);
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { sub: string };
    expect(claims.sub, `system:serviceaccount:${namespace}:default`);
    const may = `auth can-i list secrets ${ns} --as=${claims.sub}`;
    expect((await run(binary, words(may), { env, accept: [1] })).stdout, "no\n");
    const list = await out(`auth can-i --list ${ns} --as=system:serviceaccount:${namespace}:default`);
    expect(/selfsubjectaccessreviews/.test(list), true);
  });
  await asks("diff shows what apply would do, and exits with 1", async () => {
    const changed = file("changed.yaml", map("a", "3"));
    const { code, stdout } = await run(binary, words(`diff ${ns} -f ${changed}`), { env, accept: [0, 1] });
    expect([code, /-\s+k: "2"/.test(stdout), /\+\s+k: "3"/.test(stdout)], [1, true, true]);
    expect(
      (await run(binary, words(`diff ${ns} -f ${file("same.yaml", map("a", "2"))}`), { env, accept: [0, 1] })).code,
      0,
    );
  });
  await asks("edit through an editor, and get in every shape", async () => {
    const editor = file("editor.sh", '#!/bin/sh\nsed -i \'s/k: "2"/k: "4"/\' "$1"\n');
    await run("chmod", ["+x", editor]);
    await run(binary, words(`edit configmap a ${ns}`), { env: { ...env, EDITOR: editor } });
    expect(await out(`get configmap a ${ns} -o jsonpath={.data.k}`), "4");
    expect(await out(`get cm -l app=tour ${ns} -o custom-columns=N:.metadata.name --no-headers`), "a\none");
    expect(await out(`get cm a ${ns} -o template={{.data.k}}`), "4");
    const watched = await run("timeout", ["3", binary, ...words(`get cm a ${ns} -w --output-watch-events`)], {
      env,
      accept: ANY,
    });
    expect(/ADDED\s+a/.test(watched.stdout), true);
  });
  await asks("a kustomization with a generator, a patch and a suffix", async () => {
    file("base.yaml", map("kustomized", "1"));
    const change = [{ op: "replace", path: "/data/k", value: "patched" }];
    file(
      "kustomization.yaml",
      `namespace: ${namespace}\nnamePrefix: k-\nresources: [base.yaml]\nconfigMapGenerator: [{name: made, literals: [a=b]}]\n` +
        `patches: [{target: {kind: ConfigMap, name: kustomized}, patch: '${JSON.stringify(change)}'}]\n`,
    );
    const said = await out(`apply -k ${folder}`);
    expect(/configmap\/k-kustomized created/.test(said) && /configmap\/k-made-\w+ created/.test(said), true);
    expect(await out(`get cm k-kustomized ${ns} -o jsonpath={.data.k}`), "patched");
    await out(`delete -k ${folder}`);
  });
  await asks("rollouts of a StatefulSet and a DaemonSet have a history, and are undone", async () => {
    const workload = (kind: string, more: string): string =>
      `apiVersion: apps/v1\nkind: ${kind}\nmetadata: {name: w}\nspec:\n  selector: {matchLabels: {app: ${kind}}}\n${more}` +
      `  template:\n    metadata: {labels: {app: ${kind}}}\n    spec: {nodeSelector: {none: such}, containers: [{name: c, image: "i:1"}]}\n`;
    const path = file(
      "workloads.yaml",
      `${workload("StatefulSet", "  serviceName: w\n  replicas: 0\n")}---\n${workload("DaemonSet", "")}`,
    );
    await out(`apply ${ns} -f ${path}`);
    for (const kind of ["statefulset", "daemonset"]) {
      await out(`set image ${kind}/w c=i:2 ${ns}`);
      await out(`rollout status ${kind}/w --timeout=30s ${ns}`);
      await becomes(2, async () => (await out(`rollout history ${kind}/w ${ns}`)).match(/^\d+/gm)?.length);
      await out(`rollout undo ${kind}/w ${ns}`);
      expect(await out(`get ${kind} w ${ns} -o jsonpath={.spec.template.spec.containers[0].image}`), "i:1");
    }
    await out(`delete -f ${path} ${ns}`);
  });
  await asks("wait for a value, for creation and for deletion", async () => {
    const waiting = out(`wait --for=create configmap/late ${ns} --timeout=20s`);
    await out(`create configmap late ${ns}`);
    await waiting;
    const valued = out(`wait --for=jsonpath={.data.v}=1 configmap/late ${ns} --timeout=20s`);
    await out(`patch configmap late ${ns} --type=merge -p '{"data":{"v":"1"}}'`);
    await valued;
    const gone = out(`wait --for=delete configmap/late ${ns} --timeout=20s`);
    await out(`delete configmap late ${ns}`);
    await gone;
  });
  await asks("events, describe, explain and api-resources", async () => {
    await out(`events ${ns}`);
    expect(/FIELDS:/.test(await out("explain deployment.spec --recursive")), true);
    expect((await out("api-resources --verbs=list --namespaced -o name")).split("\n").includes("pods"), true);
    expect(/Name:\s+a\n/.test(await out(`describe configmap a ${ns}`)), true);
    expect((await out("get --raw /readyz?verbose")).endsWith("readyz check passed"), true);
  });
  await out(`delete namespace ${namespace} --timeout=60s`);
}

const own = process.env["KUBECTL"] ?? "";
for (const binary of [clientBinary("kubectl"), ...(existsSync(own) ? [own] : [])]) await tour(binary);
rmSync(folder, { recursive: true });
