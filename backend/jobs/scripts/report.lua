-- Tells what the attempt had taken whose job was cancelled under it. Too late, or of another attempt, it counts nothing.
-- ARGV: id, attempt, prompt_tokens, completion_tokens
local record = redis.call('HMGET', job_key(ARGV[1]), 'attempt', 'status', 'reservation')
if record[1] ~= ARGV[2] or record[2] ~= 'cancelled' or not record[3] then return 0 end
local tries = string.match(redis.call('HGET', SETTLING, record[3]) or '', '%d+$')
if tries ~= '0' then return 0 end
settle(record[3], ARGV[3], ARGV[4], 0)
return 1
