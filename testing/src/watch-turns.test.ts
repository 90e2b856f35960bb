import type { ConfigMap } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { startCluster } from "./cluster.ts";

test("while somebody in the process is shown many objects, others have their turns", async () => {
  const cluster = await startCluster();
  try {
    const configMaps = cluster.client.resource<ConfigMap>(
      { group: "", version: "v1", resource: "configmaps" },
      "default",
    );
    const data = { filler: "x".repeat(10_000) };
    for (let index = 0; index < 200; index += 1) await configMaps.create({ metadata: { name: `c-${index}` }, data });
    let turns = 0;
    let next: NodeJS.Immediate;
    const count = (): void => {
      turns += 1;
      next = setImmediate(count);
    };
    count();
    const initial = {
      sendInitialEvents: true,
      resourceVersionMatch: "NotOlderThan",
      allowWatchBookmarks: true,
    } as const;
    for await (const { type } of configMaps.watch(initial)) if (type === "BOOKMARK") break;
    clearImmediate(next!);
    expect(turns).toBeGreaterThanOrEqual(7); // 2 MB in pieces of 256 KB
  } finally {
    await cluster.close();
  }
});
