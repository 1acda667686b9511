/** Names of the headers that client, edge and backend exchange. Lower case, as the Fetch API gives them. */
export const headerNames = {
  requestId: 'x-request-id',
  /** W3C Trace Context, passed on from end to end. */
  traceparent: 'traceparent',
  idempotencyKey: 'idempotency-key',
  /** RFC 9530, over the whole body: `sha-256=:<base64>:`. */
  contentDigest: 'content-digest',
  /** base64url of the claims' JSON. Only from the edge, only with a signature. */
  claims: 'x-glm-claims',
  signature: 'x-glm-signature',
  /** Requests that wait for a slot of the backend; the edge picks the less loaded backend by it. */
  queueDepth: 'x-glm-queue-depth',
  /** Slots of the backend that are free now. */
  freeSlots: 'x-glm-free-slots',
  /** On a refused submission of jobs whose fate nobody knows: they may have been accepted all the same. */
  inDoubt: 'x-glm-in-doubt',
} as const
