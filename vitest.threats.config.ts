import { defineConfig } from "vitest/config"

/** The attacks that take minutes, or programs that `npm test` does without. */
export default defineConfig({
  test: {
    include: ["test/threats/slow/**/*.test.ts"],
    globalSetup: ["test/threats/prepare.ts"],
    reporters: ["default", "./test/support/closing-line.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // They measure and fill this machine's ports and memory: one after another.
    fileParallelism: false,
  },
})
