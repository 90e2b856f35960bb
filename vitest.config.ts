import { defineConfig } from "vitest/config";

/** Files ending in `.root.test.ts` need root or start processes; they and e2e/ run in `npm test`, not in `npm run check`. */
export default defineConfig({
  test: {
    include: ["**/*.test.ts"],
    exclude: ["**/node_modules/**", "dist/**"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
    pool: "forks",
  },
});
