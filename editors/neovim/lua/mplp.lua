-- MPLP for Neovim: which buffers are ours, how the server starts, and the command :Mplp.
-- Neovim 0.11 and later use vim.lsp.config; 0.7 to 0.10 are started by an autocommand.
local M = {}

local KINDS = {
  'context', 'plan', 'confirm', 'trace', 'role', 'extension', 'dialog', 'collab', 'core', 'network', 'event', 'sample',
}
local MARKERS = { 'mplp.toml', '.mplp', '.git' }

-- The nearest folder from that of a file upwards that has one of these names; nil where none has.
-- Not findfile(): it takes commas, blanks and semicolons in folder names for separators.
local function upwards(path, names)
  local current = vim.fn.fnamemodify(path, ':p:h')
  while true do
    for _, name in ipairs(names) do
      if vim.loop.fs_stat(current .. '/' .. name) then
        return current
      end
    end
    local parent = vim.fn.fnamemodify(current, ':h')
    if parent == current then
      return nil
    end
    current = parent
  end
end

-- Whether a file is an MPLP document by its name, or may be one by its content.
function M.is_ours(path)
  local name = vim.fn.fnamemodify(path, ':t')
  if name == 'mplp.toml' or name == 'execution.ndjson' or name:match('[.-]events%.ndjson$') then
    return true
  end
  for _, kind in ipairs(KINDS) do
    if name == kind .. '.json' or name:match('%.' .. kind .. '%.json$') then
      return true
    end
  end
  return name:match('%.jsonc?$') ~= nil and upwards(path, { 'mplp.toml' }) ~= nil
end

-- The project of a file: the nearest folder with mplp.toml, .mplp or .git, else the file's own.
function M.root(path)
  return upwards(path, MARKERS) or vim.fn.fnamemodify(path, ':p:h')
end

function M.config()
  return {
    cmd = { 'mplp-lsp', '--stdio' },
    filetypes = { 'json', 'jsonc', 'ndjson', 'toml' },
    root_dir = function(buffer, on_dir)
      local path = vim.api.nvim_buf_get_name(buffer)
      if M.is_ours(path) then
        on_dir(M.root(path))
      end
    end,
    before_init = M.prefer_push,
  }
end

-- Neovim 0.11 pulls diagnostics on open and on change only and cannot be told to pull again, so the findings of a run
-- would never show. Without the capability the server sends them by itself.
function M.prefer_push(request)
  local capabilities = request.capabilities
  local refresh = vim.tbl_get(capabilities, 'workspace', 'diagnostics', 'refreshSupport')
  if capabilities.textDocument and not refresh then
    capabilities.textDocument.diagnostic = nil
  end
end

local clients = {} -- root -> client id; for Neovim 0.7, which has no vim.lsp.start

local function attach(buffer)
  local path = vim.api.nvim_buf_get_name(buffer)
  if vim.bo[buffer].buftype ~= '' or not M.is_ours(path) then
    return
  end
  local root = M.root(path)
  local config = { name = 'mplp', cmd = M.config().cmd, root_dir = root, before_init = M.prefer_push }
  if vim.lsp.start then
    vim.lsp.start(config, { bufnr = buffer })
    return
  end
  config.on_exit = function()
    clients[root] = nil
  end
  clients[root] = clients[root] or vim.lsp.start_client(config)
  vim.lsp.buf_attach_client(buffer, clients[root])
end

local function server(buffer)
  local all = vim.lsp.get_clients and vim.lsp.get_clients({ bufnr = buffer })
    or vim.tbl_values(vim.lsp.buf_get_clients(buffer))
  for _, client in ipairs(all) do
    if client.name == 'mplp' then
      return client
    end
  end
end

local function say(message, level)
  vim.notify('MPLP: ' .. message, level or vim.log.levels.INFO)
end

-- Sends one command of the server with one argument object; `done` gets its answer.
function M.execute(command, argument, done)
  local client = server(0)
  if client == nil then
    say('this buffer has no MPLP server', vim.log.levels.WARN)
    return
  end
  local function answer(err, result)
    if err then
      say(err.message, vim.log.levels.WARN)
    elseif done then
      done(result)
    end
  end
  local request = { command = command, arguments = { argument } }
  if vim.fn.has('nvim-0.11') == 1 then
    client:request('workspace/executeCommand', request, answer, 0)
  else
    client.request('workspace/executeCommand', request, answer, 0)
  end
end

local function this_plan()
  return { uri = vim.uri_from_bufnr(0) }
end

-- Lets the user choose one of the runs that fit, without asking when there is only one.
local function with_run(fits, done)
  M.execute('mplp.serverStatus', vim.empty_dict(), function(status)
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
  M.execute('mplp.explain', vim.tbl_extend('force', this_plan(), { code = code }), function(answer)
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
        M.execute('mplp.answerHandoff', vim.tbl_extend('force', about, answer[2]))
      end
    end)
  end)
end

-- The subcommands of :Mplp. Each gets the rest of the line.
M.commands = {
  run = function()
    M.execute('mplp.runPlan', this_plan(), started)
  end,
  approve_and_run = function()
    M.execute('mplp.runPlan', vim.tbl_extend('force', this_plan(), { approve = true }), started)
  end,
  simulate = function()
    M.execute('mplp.dryRunPlan', this_plan(), started)
  end,
  cancel = function()
    with_run(is_live, function(run)
      M.execute('mplp.cancelRun', { run = run.run_id })
    end)
  end,
  pause = function()
    with_run(is_live, function(run)
      M.execute('mplp.pauseRun', { run = run.run_id })
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
      M.execute('mplp.resumeRun', argument, started)
    end)
  end,
  answer = answer_question,
  trace = function()
    M.execute('mplp.showTrace', this_plan())
  end,
  graph = function(rest)
    local name = vim.fn.expand('%:t:r')
    local argument = vim.tbl_extend('force', this_plan(), { format = rest ~= '' and rest or nil })
    M.execute('mplp.showGraph', argument, function(graph)
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
      M.execute('mplp.writeBackStatus', { run = run.run_id })
    end)
  end,
  check_all = function()
    M.execute('mplp.validateWorkspace', vim.empty_dict(), function(found)
      say(('%d documents: %d errors, %d warnings'):format(found.documents, found.errors, found.warnings))
    end)
  end,
  snapshot = function(rest)
    M.execute('mplp.createSnapshot', vim.tbl_extend('force', this_plan(), { label = rest }), function(made)
      say(('snapshot of %d files'):format(made.files))
    end)
  end,
  restore = function()
    M.execute('mplp.restoreSnapshot', vim.tbl_extend('force', this_plan(), { list = true }), function(answer)
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
          M.execute('mplp.restoreSnapshot', asked, function(done)
            say(('%d files restored, %d could not be'):format(#done.written, #done.failed))
            vim.cmd.checktime()
          end)
        end
      end)
    end)
  end,
  drift = function()
    M.execute('mplp.checkDrift', this_plan(), function(found)
      local counts = found.counts
      say(('%d added, %d modified, %d deleted'):format(counts.added, counts.modified, counts.deleted))
    end)
  end,
  propose = function()
    M.execute('mplp.proposePlan', this_plan())
  end,
  approve = function(rest)
    M.execute('mplp.approvePlan', vim.tbl_extend('force', this_plan(), { reason = rest }))
  end,
  reject = function(rest)
    if rest == '' then
      say('a rejection needs a reason: :Mplp reject {reason}', vim.log.levels.WARN)
      return
    end
    M.execute('mplp.rejectPlan', vim.tbl_extend('force', this_plan(), { reason = rest }))
  end,
  trust = function()
    M.execute('mplp.trustWorkspace', this_plan())
  end,
  status = function()
    M.execute('mplp.serverStatus', vim.empty_dict(), function(status)
      say(('%s, %s, %d runs'):format(status.version, status.trusted and 'trusted' or 'not trusted', #status.runs))
    end)
  end,
}

local function define_command()
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

function M.setup()
  define_command()
  if vim.filetype then
    vim.filetype.add({ extension = { ndjson = 'ndjson' } })
  end
  if vim.fn.has('nvim-0.11') == 1 then
    vim.lsp.enable('mplp')
    return
  end
  local group = vim.api.nvim_create_augroup('mplp', {})
  vim.api.nvim_create_autocmd({ 'BufReadPost', 'BufNewFile' }, {
    group = group,
    pattern = { '*.json', '*.jsonc', '*.ndjson', 'mplp.toml' },
    callback = function(event)
      attach(event.buf)
    end,
  })
end

return M
