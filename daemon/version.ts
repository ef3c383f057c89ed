/** credd's version, as package.json has it (a test holds them together): importing JSON costs start-up time and a warning. */
export const version = "0.1.0"
