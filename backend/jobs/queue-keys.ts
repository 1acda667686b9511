/** The stream is the interface: whoever can XADD to it is a producer. In the order the scripts know them by. */
export const queueKeys = {
  queue: 'glm_queue',
  results: 'glm_results',
  dead: 'glm_dead',
  retry: 'glm:retry',
  webhooks: 'glm:webhooks',
  settlements: 'glm:settlements',
  settling: 'glm:settling',
} as const
