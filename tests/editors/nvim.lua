-- Plays a user of Neovim with editors/neovim: opens documents, runs :Mplp, and writes down as JSON what Neovim shows.
-- The Python tests judge. Works on 0.7 as well, which shows less.
local facts = { version = vim.fn.matchstr(vim.fn.execute('version'), 'v[0-9.]*'), notices = {}, progress = {}, hints = {} }
local is_new = vim.fn.has('nvim-0.11') == 1

vim.notify = function(message)
  table.insert(facts.notices, message)
end

-- Every question is answered with the choice that says yes; what was asked is written down.
facts.questions = {}
local function answer(question, labels)
  table.insert(facts.questions, { text = question, choices = labels })
  for index, label in ipairs(labels) do
    if label:match('^Trust') or label:match('^Yes') then
      return index
    end
  end
end
vim.ui.select = function(items, options, done)
  local labels = vim.tbl_map(options.format_item or tostring, items)
  local index = answer(options.prompt, labels)
  done(index and items[index], index)
end
vim.lsp.handlers['window/showMessageRequest'] = function(_, request)
  local labels = vim.tbl_map(function(action)
    return action.title
  end, request.actions or {})
  local index = answer(request.message, labels)
  return index and request.actions[index] or vim.NIL
end

if is_new then
  vim.api.nvim_create_autocmd('LspProgress', {
    callback = function(event)
      table.insert(facts.progress, event.data.params.value)
    end,
  })
else
  local shown = vim.lsp.handlers['$/progress']
  vim.lsp.handlers['$/progress'] = function(err, progress, context, config)
    table.insert(facts.progress, progress.value)
    return shown(err, progress, context, config)
  end
end

local function wait(what, is_enough, limit_s)
  if not vim.wait((limit_s or 60) * 1000, is_enough, 50) then
    error(('%s: not in time; so far: %s'):format(what, vim.inspect(facts)))
  end
end

local function open(name)
  vim.cmd('edit ' .. vim.env.MPLP_PROJECT .. '/' .. name)
  wait('the server of ' .. name, function()
    return next(is_new and vim.lsp.get_clients({ bufnr = 0 }) or vim.lsp.buf_get_clients(0)) ~= nil
  end)
end

local function ask(method, parameters)
  parameters = vim.tbl_extend('force', { textDocument = vim.lsp.util.make_text_document_params(0) }, parameters or {})
  local answers = vim.lsp.buf_request_sync(0, method, parameters, 5000) or {}
  for _, found in pairs(answers) do
    return found.result or {}
  end
  return {}
end

local function everything()
  return { start = { line = 0, character = 0 }, ['end'] = { line = vim.fn.line('$'), character = 0 } }
end

local function titles(actions)
  return vim.tbl_map(function(action)
    return { title = action.title or action.command.title, command = action.command }
  end, actions)
end

local function problems()
  return vim.tbl_map(function(found)
    local range = { found.lnum, found.col, found.end_lnum, found.end_col }
    return { message = found.message, code = found.code, severity = found.severity, range = range }
  end, vim.diagnostic.get(0))
end

local function last_run(title)
  local found
  local done = false
  require('mplp').execute('mplp.serverStatus', vim.empty_dict(), function(status)
    for _, run in ipairs(status.runs) do
      if run.title == title then
        found = run
      end
    end
    done = true
  end)
  wait('the answer of serverStatus', function()
    return done
  end)
  return found
end

local function ended(kind)
  for _, value in ipairs(facts.progress) do
    if value.kind == kind then
      return true
    end
  end
  return false
end

local function hints()
  if not is_new then
    return {}
  end
  return vim.tbl_map(function(hint)
    local label = hint.inlay_hint.label
    return type(label) == 'string' and label or table.concat(vim.tbl_map(function(part)
      return part.value
    end, label))
  end, vim.lsp.inlay_hint.get({ bufnr = 0 }))
end

local function scenario()
  open('broken.plan.json')
  -- The first findings come before the other files of the workspace are read; then those about them follow.
  wait('problems in the broken plan', function()
    local codes = {}
    for _, found in ipairs(vim.diagnostic.get(0)) do
      codes[found.code] = true
    end
    return codes['plan-cycle'] and not codes['plan-context-unknown'] and not codes['step-role-unbound']
  end)
  facts.broken = problems()
  facts.fixes = titles(ask('textDocument/codeAction', { range = everything(), context = { diagnostics = {} } }))

  open('release.plan.json')
  wait('code lenses', function()
    facts.lenses_before_trust = titles(ask('textDocument/codeLens'))
    return #facts.lenses_before_trust > 0
  end)
  vim.cmd('Mplp run')
  wait('the refusal', function()
    return #facts.notices > 0
  end)
  facts.refusal = facts.notices[1]
  vim.cmd('Mplp trust')
  wait('the question of trust', function()
    return #facts.questions > 0
  end)
  wait('trust', function()
    facts.notices = {}
    vim.cmd('Mplp status')
    return vim.wait(2000, function()
      return #facts.notices > 0
    end, 20) and not facts.notices[1]:match('not trusted')
  end)

  facts.lenses = titles(ask('textDocument/codeLens'))

  if is_new then
    vim.lsp.inlay_hint.enable(true)
  end
  facts.notices = {}
  -- The tester goes on until it is let go (project.py).
  local hold = vim.fn.fnamemodify(vim.env.MPLP_PROJECT, ':h') .. '/hold'
  vim.fn.writefile({}, hold)
  vim.cmd('Mplp run')
  wait('a running step', function()
    for _, label in ipairs(hints()) do
      facts.hints[label] = true
    end
    return facts.hints['running'] or not is_new and #facts.progress > 0
  end)
  vim.fn.delete(hold)
  wait('the end of the progress', function()
    return ended('end')
  end)
  wait('the end of the run', function()
    facts.run = last_run('Release the greeter')
    return facts.run ~= nil and facts.run.status == 'completed'
  end)
  if is_new then
    wait('a hint at each step', function()
      facts.hints_at_the_end = hints()
      return #vim.tbl_filter(function(label)
        return label:match('^✓ [%d.]+ m?s$')
      end, facts.hints_at_the_end) == 3
    end)
  end

  open('failing.plan.json')
  vim.cmd('Mplp run')
  wait('the problem at the failing step', function()
    return #vim.diagnostic.get(0) > 0
  end)
  facts.failing = problems()

  if is_new then
    open('release.plan.json')
    vim.cmd('Mplp trace')
    wait('the trace', function()
      for _, window in ipairs(vim.api.nvim_list_wins()) do
        local name = vim.api.nvim_buf_get_name(vim.api.nvim_win_get_buf(window))
        if name:match('%.trace%.json$') then
          facts.trace = name
        end
      end
      return facts.trace ~= nil
    end)
  end
end

local is_good, problem = xpcall(scenario, debug.traceback)
if not is_good then
  facts.error = problem
end
local file = assert(io.open(vim.env.MPLP_FACTS, 'w'))
file:write(vim.fn.json_encode(facts))
file:close()
vim.cmd('qall!')
