// `npm run test:crash`: programs killed right before each of their effects, one after another.
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    root: ".",
    include: ["test/crash/**/*.crash.ts"],
    globalSetup: ["test/support/prepare.ts"],
    reporters: ["default", "./test/support/closing-line.ts"],
    // Each test starts two processes for every one of its points.
    testTimeout: 600_000,
    hookTimeout: 60_000,
  },
})
