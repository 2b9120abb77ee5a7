-- Neovim 0.11 finds this file on 'runtimepath': `vim.lsp.enable('mplp')` is all that is left to do.
return require('mplp').config()
