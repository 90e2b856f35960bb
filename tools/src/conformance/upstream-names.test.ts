import { expect, test } from "vitest";
import { namesIn } from "./upstream-names.ts";

const MANIFEST = `
	initRegistry = RegistryList{
		// where most are
		PromoterE2eRegistry:  "registry.example/e2e",
		GcRegistry: "registry.example",
	}
	configs[Agnhost] = Config{list.PromoterE2eRegistry, "agnhost", "2.66.1"}
	configs[NodePerf] = Config{list.GcRegistry, "perf/npb", "1.7-2"}
`;

test("names of upstream's images are read from its manifest", () => {
  expect([...namesIn(MANIFEST)]).toEqual([
    ["Agnhost", "registry.example/e2e/agnhost:2.66.1"],
    ["NodePerf", "registry.example/perf/npb:1.7-2"],
  ]);
});
