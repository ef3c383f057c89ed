/** Loaded before the daemon by a test: SIGUSR2 makes its event loop hang for ever. */
process.on("SIGUSR2", () => {
  for (;;);
})
