import { defineConfig } from "vitest/config"

/** The tests that boot machines: `npm run test:service`. As root, on Linux, one file at a time. */
export default defineConfig({
  test: {
    include: ["test/service/**/*.test.ts"],
    globalSetup: ["test/service/prepare.ts"],
    reporters: ["default", "./test/support/closing-line.ts"],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 300_000,
  },
})
