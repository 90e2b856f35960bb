import { describe, expect, test } from "vitest";
import { allFeatureGates, FeatureGates } from "./feature-gates.ts";

const on = (config: string, ...names: readonly string[]) => {
  const gates = FeatureGates.parse(config);
  return names.map((name) => gates.isOn(name));
};

describe("feature gates", () => {
  test("are upstream's by default", () => {
    for (const gates of [FeatureGates.defaults, FeatureGates.parse("")])
      for (const { name, isOnByDefault } of allFeatureGates())
        expect([name, gates.isOn(name)]).toEqual([name, isOnByDefault]);
    expect(allFeatureGates().length).toBe(254);
  });

  test.each([
    ["EvictionRequestAPI=true", [true, true]],
    ["EvictionRequestAPI=T , EnvFiles=f", [true, false]],
    ["EnvFiles=0,,EvictionRequestAPI=1,", [true, false]],
    ["EnvFiles=false,EnvFiles=true", [false, true]],
  ])("%s", (config, expected) => {
    expect(on(config, "EvictionRequestAPI", "EnvFiles")).toEqual(expected);
  });

  test("of a stage are set at once, but for those that are named and those of other stages", () => {
    const config = "EvictionRequestAPI=false,AllAlpha=true,AllBeta=true,EnvFiles=false";
    const names = ["AllAlpha", "H2CContainerProbe", "GenericWorkload", "EvictionRequestAPI", "EnvFiles", "KMSv1"];
    expect(on(config, ...names)).toEqual([true, true, true, false, false, false]);
    expect(on("AllBeta=false", "EnvFiles", "AllowServiceExternalIPs")).toEqual([false, true]);
  });

  test.each([
    ["Nonsense=true", /unrecognized feature gate: Nonsense, expected one of kube-apiserver/],
    ["envfiles=true", /unrecognized feature gate: envfiles, expected .*such as EnvFiles/],
    ["EnvFiles", /missing bool value for EnvFiles/],
    ["EnvFiles=", /invalid value of EnvFiles=, expected true or false/],
    ["EnvFiles=yes", /invalid value of EnvFiles=yes, expected true or false/],
    ["=true", /unrecognized feature gate: ,/],
    ["VolumeAttributesClass=false", /cannot set feature gate VolumeAttributesClass to false.*locked to true/],
    ["GitRepoVolumeDriver=true", /cannot set feature gate GitRepoVolumeDriver to true.*locked to false/],
    ["WorkloadWithJob=true", /WorkloadWithJob is enabled, but depends on features that are disabled: GenericWorkload/],
    ["DRADeviceTaints=false", /DRADeviceTaintRules is enabled, but depends.* DRADeviceTaints/],
  ])("%s is refused", (config, message) => {
    expect(() => FeatureGates.parse(config)).toThrow(message);
  });

  test("that are locked may be set to what they are", () => {
    expect(on("VolumeAttributesClass=true,GitRepoVolumeDriver=false", "VolumeAttributesClass")).toEqual([true]);
  });

  test("are asked by names that exist", () => {
    expect(() => FeatureGates.defaults.isOn("Nonsense")).toThrow(/"Nonsense"/);
  });
});
