export interface Case {
  readonly title: string
  readonly config: string
  readonly credentials?: string
  /** Compares the STS endpoint of each profile too. */
  readonly endpoints?: boolean
}
