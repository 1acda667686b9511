-- Writes an attempt's answer, once: 1 when it was written, 0 when the job had ended or a newer attempt had begun.
-- ARGV: id, attempt, ttl_ms, content, result, prompt_tokens, completion_tokens
local id, attempt = ARGV[1], ARGV[2]
if not is_current(id, attempt) or redis.call('ZSCORE', RETRY, id) then return 0 end
local used = { ARGV[6], ARGV[7], 0 }
finish(id, 'done', { 'attempt', attempt, 'content', ARGV[4], 'result', ARGV[5] }, tonumber(ARGV[3]), used)
return 1
