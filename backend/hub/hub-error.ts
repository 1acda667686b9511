/** A model cannot be had from its hub. The message is one line for the operator and says what to do. */
export class HubError extends Error {
  override readonly name = 'HubError'
}
