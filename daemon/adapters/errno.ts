/** The system's name for what went wrong (`ENOENT`, `EADDRINUSE`), or an empty string for any other error. */
export function errnoCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : ""
}

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EROFS: "the file system is read-only",
  EACCES: "permission denied",
  EIO: "the disk reported an error",
}

/** Why a write failed, in a person's words. */
export function writeProblem(error: unknown): string {
  const code = errnoCode(error)
  return reasons[code] ?? (code || "the write failed")
}
