/** Parameters against the limits in the API reference; AWS names all that are wrong in one message. */
import { stsError } from "./errors.ts"

export interface TextLimits {
  readonly required?: boolean
  readonly minLength?: number
  readonly maxLength?: number
  /** As AWS prints it. */
  readonly pattern?: string
}

export interface NumberLimits {
  readonly min: number
  readonly max: number
}

export type Limits = Readonly<Record<string, TextLimits | NumberLimits>>

export function validate(parameters: URLSearchParams, limits: Limits): void {
  const wrong = Object.entries(limits).flatMap(([name, limit]) => {
    const value = parameters.get(name)
    const what = value === null ? "null" : `'${value}'`
    const failed = "min" in limit ? brokenByNumber(value, limit) : brokenByText(value, limit)
    return failed.map(
      (rule) => `Value ${what} at '${uncapitalized(name)}' failed to satisfy constraint: Member ${rule}`,
    )
  })
  if (wrong.length === 0) return
  const count = wrong.length === 1 ? "1 validation error" : `${wrong.length} validation errors`
  throw stsError("ValidationError", `${count} detected: ${wrong.join("; ")}`)
}

function brokenByText(value: string | null, { required, minLength = 0, maxLength, pattern }: TextLimits): string[] {
  if (value === null) return required === true ? ["must not be null"] : []
  return [
    ...(value.length < minLength ? [`must have length greater than or equal to ${minLength}`] : []),
    ...(maxLength !== undefined && value.length > maxLength
      ? [`must have length less than or equal to ${maxLength}`]
      : []),
    ...(pattern !== undefined && !new RegExp(`^(?:${pattern})$`).test(value)
      ? [`must satisfy regular expression pattern: ${pattern}`]
      : []),
  ]
}

function brokenByNumber(value: string | null, { min, max }: NumberLimits): string[] {
  if (value === null) return []
  if (Number(value) > max) return [`must have value less than or equal to ${max}`]
  return /^\d+$/.test(value) && Number(value) >= min ? [] : [`must have value greater than or equal to ${min}`]
}

function uncapitalized(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1)
}
