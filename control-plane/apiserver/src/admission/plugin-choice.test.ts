import { Lifetime, messageOf } from "@tsukube/foundation";
import { startCluster } from "@tsukube/testing";
import { describe, expect, test } from "vitest";
import { chosenPlugins, type PluginChoice } from "./plugin-choice.ts";

describe("plugins", () => {
  test("are all on, but for those that are told to be off", () => {
    const all = chosenPlugins({});
    const some = chosenPlugins({ disableAdmissionPlugins: "ServiceAccount,AlwaysPullImages" });
    expect([...all].filter((name) => !some.has(name))).toEqual(["ServiceAccount"]);
    expect(chosenPlugins({}, ["NodeRestriction"]).has("NodeRestriction")).toBe(false);
    expect(chosenPlugins({ enableAdmissionPlugins: "NodeRestriction" }, ["NodeRestriction"])).toEqual(all);
  });

  test.each<[PluginChoice, RegExp]>([
    [{ disableAdmissionPlugins: "Priority,Some" }, /--disable-.*: there is no plugin "Some", .* ServiceAccount, /],
    [
      { enableAdmissionPlugins: "Some" },
      /--enable-.*: there is no plugin "Some", expected some of AlwaysAdmit.*, PodNodeSelector.*ResourceQuota/,
    ],
    [
      { enableAdmissionPlugins: "NodeDeclaredFeatureValidator" },
      /NodeDeclaredFeatureValidator is not offered yet, expected some of /,
    ],
    [{ enableAdmissionPlugins: "Priority", disableAdmissionPlugins: "Priority" }, /"Priority" is in --enable-/],
  ])("%j is refused", (choice, message) => {
    expect(() => chosenPlugins(choice)).toThrow(message);
  });

  test("that are off leave requests alone, and the others do not", async () => {
    await using lifetime = new Lifetime();
    const cluster = lifetime.own(
      "cluster",
      await startCluster({ disableAdmissionPlugins: "ServiceAccount,LimitRanger" }),
    );
    const spec = { limits: [{ type: "Container", max: { cpu: "1m" } }] };
    await cluster.client.raw("POST", "/api/v1/namespaces/default/limitranges", { metadata: { name: "low" }, spec });
    const container = { name: "a", image: "a", resources: { limits: { cpu: "1" } } };
    const pods = "/api/v1/namespaces/default/pods";
    const pod = (more: object) => ({ metadata: { generateName: "p-" }, spec: { containers: [container], ...more } });
    const { spec: made } = (await cluster.client.raw("POST", pods, pod({}))) as { spec: object };
    expect(made).not.toHaveProperty("serviceAccountName");
    expect(made).toMatchObject({ priority: 0, containers: [{ resources: { requests: { cpu: "1" } } }] });
    const refused = await cluster.client.raw("POST", pods, pod({ priorityClassName: "no" })).catch(messageOf);
    expect(refused).toContain("no PriorityClass with name no was found");
  });
});
