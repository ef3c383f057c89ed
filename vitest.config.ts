import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // What takes minutes or a machine of its own: `npm run test:threats`, `npm run test:service`.
    exclude: ["test/service/**", "test/threats/slow/**", "**/node_modules/**"],
    globalSetup: ["test/support/prepare.ts"],
    reporters: ["default", "./test/support/closing-line.ts"],
    // Most tests wait for processes: one worker would leave the second core idle.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
