import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/sdks/*.sdk.ts"],
    globalSetup: ["test/sdks/runner/prepare.ts"],
    reporters: ["default", "./test/sdks/runner/reporter.ts"],
    // Builds and programs are processes of their own, and botocore sleeps after each refusal.
    maxWorkers: 3,
    hookTimeout: 60_000,
  },
})
