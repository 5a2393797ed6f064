-- What wrk sends (arguments: method, length of a body), and what it counted, exactly.
function init(args)
  wrk.method = args[1]
  if tonumber(args[2]) > 0 then wrk.body = string.rep("x", tonumber(args[2])) end
end

function done(summary)
  local wrong = summary.errors
  print(string.format("counted %d %d %d", summary.requests, summary.bytes,
    wrong.connect + wrong.read + wrong.write + wrong.status + wrong.timeout))
end
