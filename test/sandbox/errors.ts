/** The errors of STS, each with the status that AWS sends it under and the words it has by itself. */
const known = {
  AccessDenied: [403, "Access denied"],
  ExpiredToken: [403, "The security token included in the request is expired"],
  IncompleteSignature: [
    400,
    "Authorization header requires 'Credential' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires 'Signature' parameter.",
  ],
  InsufficientSessionLifetime: [
    400,
    "The requested DurationSeconds exceeds the remaining lifetime of the calling session.",
  ],
  InternalFailure: [500, "The request processing has failed because of an unknown error, exception or failure."],
  InvalidAction: [400, "The action or operation requested is invalid."],
  InvalidAuthorizationMessageException: [400, "Message is not valid"],
  InvalidClientTokenId: [403, "The security token included in the request is invalid."],
  InvalidSubjectCredentials: [400, "The calling session is not valid."],
  MalformedPolicyDocument: [400, "Syntax errors in policy."],
  MissingAuthenticationToken: [403, "Request is missing Authentication Token"],
  PackedPolicyTooLarge: [400, "The session token exceeds the maximum allowed size."],
  LimitExceeded: [409, "Cannot exceed quota for AccessKeysPerUser: 2"],
  NoSuchEntity: [404, "The request was rejected because it referenced a resource entity that does not exist."],
  ServiceUnavailable: [503, "The request has failed due to a temporary failure of the server."],
  SignatureDoesNotMatch: [
    403,
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
  ],
  Throttling: [400, "Rate exceeded"],
  ValidationError: [400, "The input fails to satisfy the constraints specified by an AWS service."],
} as const satisfies Readonly<Record<string, readonly [status: number, message: string]>>

export class StsError extends Error {
  readonly code: string
  readonly status: number

  constructor(code: string, message: string, status: number) {
    super(message)
    this.code = code
    this.status = status
  }
}

export function stsError(code: keyof typeof known, message?: string): StsError {
  const [status, usual] = known[code]
  return new StsError(code, message ?? usual, status)
}

/** For codes that come from outside; one that AWS is not known to send is a 400. */
export function stsErrorNamed(code: string, message?: string, status?: number): StsError {
  const usual = isKnown(code) ? stsError(code, message) : new StsError(code, message ?? code, 400)
  return new StsError(code, usual.message, status ?? usual.status)
}

function isKnown(code: string): code is keyof typeof known {
  return Object.hasOwn(known, code)
}
