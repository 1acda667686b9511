-- Takes back what a submission nobody heard the answer of may have accepted.
-- ARGV: token, ttl_ms
local token_key = 'glm:token:' .. ARGV[1]
local id = redis.call('HGET', token_key, 'id')
if not id then return 0 end
redis.call('DEL', token_key)
local jobs = redis.call('LRANGE', batch_key(id) .. ':jobs', 0, -1)
if #jobs == 0 then jobs = { id } end
for _, job in ipairs(jobs) do
  if not is_over(redis.call('HGET', job_key(job), 'status')) then finish(job, 'cancelled', {}, tonumber(ARGV[2])) end
end
return #jobs
