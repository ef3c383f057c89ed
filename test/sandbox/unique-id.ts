/** Ids as AWS makes them: four letters for the kind, then base32's letters; one for each byte given. */
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

export function uniqueId(kind: "AIDA" | "AKIA" | "AROA" | "ASIA", bytes: Uint8Array): string {
  return kind + [...bytes].map((byte) => letters[byte % letters.length]).join("")
}
