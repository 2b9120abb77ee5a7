-- The command :Mplp and its subcommands.
local requests = require('mplp.requests')
local execute, say = requests.execute, requests.say

local M = {}

local function this_plan()
  return { uri = vim.uri_from_bufnr(0) }
end

-- Lets the user choose one of the runs that fit, without asking when there is only one.
local function with_run(fits, done)
  execute('mplp.serverStatus', vim.empty_dict(), function(status)
    local runs = vim.tbl_filter(fits, status.runs)
    if #runs == 0 then
      say('there is no run for this')
    elseif #runs == 1 then
      done(runs[1])
    else
      local function label(run)
        return ('%s: %s (%s)'):format(run.title, run.status, run.run_id:sub(1, 8))
      end
      vim.ui.select(runs, { prompt = 'Which run?', format_item = label }, function(run)
        if run then
          done(run)
        end
      end)
    end
  end)
end

-- A text that the server could not show as a document: it keeps no files where it may not, so a scratch buffer does.
local function show_text(name, filetype, text)
  local buffer = vim.fn.bufadd('mplp://' .. name)
  vim.fn.bufload(buffer)
  vim.bo[buffer].buftype = 'nofile'
  vim.bo[buffer].bufhidden = 'wipe'
  vim.bo[buffer].swapfile = false
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, vim.split(text, '\n', { plain = true }))
  vim.bo[buffer].filetype = filetype
  vim.bo[buffer].modifiable = false
  vim.cmd('vertical sbuffer ' .. buffer)
end

-- The codes of our findings on the cursor's line, those under the cursor first.
local function codes_here()
  local line, column = unpack(vim.api.nvim_win_get_cursor(0))
  local under, beside = {}, {}
  for _, found in ipairs(vim.diagnostic.get(0, { lnum = line - 1 })) do
    if found.source == 'mplp' and found.code then
      local is_under = found.col <= column and (found.end_lnum > line - 1 or column < found.end_col)
      local list = is_under and under or beside
      if not vim.tbl_contains(list, found.code) then
        table.insert(list, found.code)
      end
    end
  end
  return #under > 0 and under or beside
end

local function explain(code)
  execute('mplp.explain', vim.tbl_extend('force', this_plan(), { code = code }), function(answer)
    local shown = vim.split(answer.text, '\n', { plain = true })
    vim.lsp.util.open_floating_preview(shown, 'plaintext', { border = 'rounded', wrap = true, max_width = 100 })
  end)
end

local function is_live(run)
  return run.status == 'running' or run.status == 'pending'
end

local function started(run)
  say(('%s %s'):format(run.title, run.status))
end

-- What can be answered to each kind of question: a person's step, a gate, a step that was under way at the end.
local ANSWERS = {
  handoff = { { 'Done', { success = true } }, { 'Not done', { success = false } } },
  completion = {
    { 'Complete the plan all the same', { success = true } },
    { 'Do not complete it', { success = false } },
  },
  gate = { { 'Yes, go on', { success = true } }, { 'No, stop here', { success = false } } },
  conflict = { { "Nobody's: the run fails", { success = false } } },
  ['repeat'] = {
    { 'It had finished', { success = true } },
    { 'Run it again', { success = false, ['repeat'] = true } },
    { 'Count it as failed', { success = false } },
  },
}

local function answer_question()
  with_run(function(run)
    return #run.questions > 0
  end, function(run)
    local question = run.questions[1]
    local answers = vim.list_extend({}, ANSWERS[question.kind] or ANSWERS.handoff)
    for _, name in ipairs(question.choices or {}) do
      table.insert(answers, 1, { ('What %s wrote holds'):format(name), { success = true, output = name } })
    end
    local function label(answer)
      return answer[1]
    end
    vim.ui.select(answers, { prompt = question.text, format_item = label }, function(answer)
      if answer then
        local about = { run = run.run_id, step = question.step_id }
        execute('mplp.answerHandoff', vim.tbl_extend('force', about, answer[2]))
      end
    end)
  end)
end

-- The subcommands of :Mplp. Each gets the rest of the line.
M.commands = {
  run = function()
    execute('mplp.runPlan', this_plan(), started)
  end,
  approve_and_run = function()
    execute('mplp.runPlan', vim.tbl_extend('force', this_plan(), { approve = true }), started)
  end,
  simulate = function()
    execute('mplp.dryRunPlan', this_plan(), started)
  end,
  cancel = function()
    with_run(is_live, function(run)
      execute('mplp.cancelRun', { run = run.run_id })
    end)
  end,
  pause = function()
    with_run(is_live, function(run)
      execute('mplp.pauseRun', { run = run.run_id })
    end)
  end,
  resume = function(rest)
    with_run(function(run)
      return run.status == 'interrupted' or run.paused
    end, function(run)
      local argument = { run = run.run_id }
      if rest == 'repeat' then
        argument['repeat'] = true
      end
      execute('mplp.resumeRun', argument, started)
    end)
  end,
  answer = answer_question,
  trace = function()
    execute('mplp.showTrace', this_plan())
  end,
  graph = function(rest)
    local name = vim.fn.expand('%:t:r')
    local argument = vim.tbl_extend('force', this_plan(), { format = rest ~= '' and rest or nil })
    execute('mplp.showGraph', argument, function(graph)
      if not graph.shown then
        local is_dot = graph.format == 'dot'
        show_text(name .. (is_dot and '.dot' or '.mmd'), is_dot and 'dot' or 'mermaid', graph.text)
      end
    end)
  end,
  explain = function(rest)
    local codes = rest ~= '' and { rest } or codes_here()
    if #codes == 0 then
      say('there is no problem on this line to explain')
    elseif #codes == 1 then
      explain(codes[1])
    else
      vim.ui.select(codes, { prompt = 'Explain what?' }, function(code)
        if code then
          explain(code)
        end
      end)
    end
  end,
  write_back = function()
    with_run(function(run)
      return not is_live(run) and not run.simulated
    end, function(run)
      execute('mplp.writeBackStatus', { run = run.run_id })
    end)
  end,
  check_all = function()
    execute('mplp.validateWorkspace', vim.empty_dict(), function(found)
      say(('%d documents: %d errors, %d warnings'):format(found.documents, found.errors, found.warnings))
    end)
  end,
  snapshot = function(rest)
    execute('mplp.createSnapshot', vim.tbl_extend('force', this_plan(), { label = rest }), function(made)
      say(('snapshot of %d files'):format(made.files))
    end)
  end,
  restore = function()
    execute('mplp.restoreSnapshot', vim.tbl_extend('force', this_plan(), { list = true }), function(answer)
      if #answer.snapshots == 0 then
        say('this project has no snapshots yet')
        return
      end
      vim.ui.select(answer.snapshots, {
        prompt = 'Restore which snapshot?',
        format_item = function(one)
          return ('%s  %s  %s'):format(one.captured_at, one.label, one.snapshot_id:sub(1, 8))
        end,
      }, function(one)
        if one then
          local asked = vim.tbl_extend('force', this_plan(), { snapshot = one.snapshot_id })
          execute('mplp.restoreSnapshot', asked, function(done)
            say(('%d files restored, %d could not be'):format(#done.written, #done.failed))
            vim.cmd.checktime()
          end)
        end
      end)
    end)
  end,
  drift = function()
    execute('mplp.checkDrift', this_plan(), function(found)
      local counts = found.counts
      say(('%d added, %d modified, %d deleted'):format(counts.added, counts.modified, counts.deleted))
    end)
  end,
  propose = function()
    execute('mplp.proposePlan', this_plan())
  end,
  approve = function(rest)
    execute('mplp.approvePlan', vim.tbl_extend('force', this_plan(), { reason = rest }))
  end,
  reject = function(rest)
    if rest == '' then
      say('a rejection needs a reason: :Mplp reject {reason}', vim.log.levels.WARN)
      return
    end
    execute('mplp.rejectPlan', vim.tbl_extend('force', this_plan(), { reason = rest }))
  end,
  trust = function()
    execute('mplp.trustWorkspace', this_plan())
  end,
  status = function()
    execute('mplp.serverStatus', vim.empty_dict(), function(status)
      say(('%s, %s, %d runs'):format(status.version, status.trusted and 'trusted' or 'not trusted', #status.runs))
    end)
  end,
}

function M.define()
  vim.api.nvim_create_user_command('Mplp', function(call)
    local name, rest = call.args:match('^(%S+)%s*(.*)$')
    local command = M.commands[name]
    if command == nil then
      say(('there is no :Mplp %s'):format(name), vim.log.levels.WARN)
    else
      command(rest)
    end
  end, {
    nargs = '+',
    desc = 'Run, approve and trace MPLP plans',
    complete = function(lead)
      local names = vim.tbl_filter(function(name)
        return vim.startswith(name, lead)
      end, vim.tbl_keys(M.commands))
      table.sort(names)
      return names
    end,
  })
end

return M
