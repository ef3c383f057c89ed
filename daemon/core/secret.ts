/** A value that cannot be printed, logged or serialised by accident. Only the edges (adapters, http) reveal it. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return "[secret]"
  }

  toJSON(): string {
    return "[secret]"
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[secret]"
  }
}
