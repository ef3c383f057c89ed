/** The system's name for what went wrong (`ENOENT`, `EADDRINUSE`), or an empty string for any other error. */
export function errnoCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : ""
}
