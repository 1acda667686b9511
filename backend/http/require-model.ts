import { ApiError } from '../../shared/errors.ts'
import type { Services } from '../services.ts'

/**
 * A request that names a model must name the one that serves: answering with another would be a silent lie.
 * @throws {ApiError} `model_not_found`.
 */
export function requireModel(services: Services, model: string | undefined) {
  if (model === undefined || model === services.model.name) return
  throw new ApiError('model_not_found', `the model ${model} is not served here; ${services.model.name} is`, {
    param: 'model',
  })
}
