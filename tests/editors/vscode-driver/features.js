// What an author does in VS Code, feature by feature, through VS Code's own API: `facts.features` says what it showed.
// One that fails is written down in `facts.failures` and does not hide the others.
"use strict";
const path = require("node:path");
const vscode = require("vscode");

const BUILD = "6b2c3d4e-0000-4000-8000-000000000002";
const RENAMED = "0c9d8e7f-0000-4000-8000-000000000001";
const INDENT = { tabSize: 2, insertSpaces: true };

/** `tools`: open, until, turn, signal and folder of the driver. Adds to `facts`. */
exports.playFeatures = async (facts, tools) => {
  facts.features = {};
  facts.failures = {};
  facts.took_ms = {};
  const ask = (command, ...given) => vscode.commands.executeCommand(command, ...given);

  for (const [name, play] of Object.entries(features(ask, tools))) {
    const started = Date.now();
    try {
      facts.features[name] = await play();
    } catch (error) {
      facts.failures[name] = `${error.stack ?? error}`;
    } finally {
      // The page waits for its turn in any case.
      tools.signal(`look-${name}`);
      await revertAll(ask, tools.until);
    }
    facts.took_ms[name] = Date.now() - started;
  }
};

function features(ask, { open, until, turn, folder }) {
  const checkout = () => open("shop/checkout.plan.json");
  const look = (name) => turn(`look-${name}`);
  /** Puts the cursor there, so that keys and pictures are about it. */
  const go = (document, position, end = position) => {
    const editor = vscode.window.activeTextEditor;
    editor.selection = new vscode.Selection(position, end);
    editor.revealRange(new vscode.Range(position, end), vscode.TextEditorRevealType.InCenter);
    return document;
  };

  return {
    async known() {
      await checkout();
      const codes = () => vscode.languages.getDiagnostics().flatMap(([, found]) => found.map((each) => each.code?.value));
      const isRead = (found) => found.includes("step-role-unknown") && !found.includes("plan-context-unknown");
      return until("the whole project", async () => codes(), isRead);
    },

    async hover() {
      const document = await checkout();
      const spot = at(document, BUILD, 1, 5);
      go(document, spot);
      const cards = await ask("vscode.executeHoverProvider", document.uri, spot);
      await ask("editor.action.showHover");
      await look("hover");
      return cards.flatMap((card) => card.contents.map((content) => content.value));
    },

    async completion() {
      const document = await checkout();
      const empty = at(document, '"dependencies": []', 2, '"dependencies": ['.length);
      const list = await ask("vscode.executeCompletionItemProvider", document.uri, empty, undefined, 20);
      go(document, empty);
      await ask("editor.action.triggerSuggest");
      await look("completion");
      // The page has pressed Enter.
      const line = () => document.lineAt(empty.line).text;
      const accepted = await until("the accepted item", async () => line(), (text) => !text.includes("[]"));
      return {
        labels: list.items.map((item) => labelOf(item)),
        documentation: list.items.map((item) => item.documentation?.value ?? item.documentation),
        accepted,
      };
    },

    async members() {
      const document = await checkout();
      const start = at(document, '"agent_role": "packager"', 2);
      await apply((edit) => edit.delete(document.uri, new vscode.Range(start.line - 1, 0, start.line + 1, 0)));
      const place = new vscode.Position(start.line - 2, document.lineAt(start.line - 2).text.length);
      const list = await ask("vscode.executeCompletionItemProvider", document.uri, place, undefined, 5);
      return list.items.map((item) => labelOf(item));
    },

    async definition() {
      const document = await checkout();
      const found = await ask("vscode.executeDefinitionProvider", document.uri, at(document, BUILD, 2, 5));
      return found.map((each) => placeOf(document, each.targetUri ?? each.uri, each.targetSelectionRange ?? each.range));
    },

    async references() {
      const document = await checkout();
      const found = await ask("vscode.executeReferenceProvider", document.uri, at(document, BUILD, 1, 5));
      return Promise.all(found.map(async (each) => placeOf(await vscode.workspace.openTextDocument(each.uri), each.uri, each.range)));
    },

    async highlights() {
      const document = await checkout();
      const found = await ask("vscode.executeDocumentHighlights", document.uri, at(document, BUILD, 1, 5));
      return found.map((each) => ({
        kind: vscode.DocumentHighlightKind[each.kind],
        ...placeOf(document, document.uri, each.range),
      }));
    },

    async outline() {
      const document = await checkout();
      const found = await ask("vscode.executeDocumentSymbolProvider", document.uri);
      const tree = (symbol) => ({ name: symbol.name, detail: symbol.detail, children: symbol.children.map(tree) });
      await ask("outline.focus");
      await look("outline");
      return found.map(tree);
    },

    async search() {
      const found = await ask("vscode.executeWorkspaceSymbolProvider", "shelves");
      return found.map((each) => ({ name: each.name, container: each.containerName, file: path.basename(each.location.uri.path) }));
    },

    async hints() {
      const document = await checkout();
      const everything = new vscode.Range(0, 0, document.lineCount, 0);
      const found = await ask("vscode.executeInlayHintProvider", document.uri, everything);
      return found.map((hint) => ({ label: textOf(hint.label), line: document.lineAt(hint.position.line).text.trim() }));
    },

    async calls() {
      const document = await checkout();
      const spot = at(document, BUILD, 1, 5);
      const [item] = await ask("vscode.prepareCallHierarchy", document.uri, spot);
      const incoming = await ask("vscode.provideIncomingCalls", item);
      const outgoing = await ask("vscode.provideOutgoingCalls", item);
      go(document, spot);
      await ask("references-view.showCallHierarchy");
      await look("calls");
      await ask("workbench.view.explorer");
      return {
        item: item.name,
        incoming: incoming.map((call) => ({ name: call.from.name, ranges: call.fromRanges.length })),
        outgoing: outgoing.map((call) => ({ name: call.to.name, ranges: call.fromRanges.length })),
      };
    },

    async types() {
      const document = await checkout();
      const spot = at(document, '"title"', 1, 2);
      const [item] = await ask("vscode.prepareTypeHierarchy", document.uri, spot);
      const supertypes = await ask("vscode.provideSupertypes", item);
      const subtypes = await ask("vscode.provideSubtypes", supertypes[0]);
      return {
        item: item.name,
        supertypes: supertypes.map((each) => each.name),
        siblings: subtypes.map((each) => each.name),
      };
    },

    async links() {
      const document = await open("shop/shop.context.json");
      const found = await ask("vscode.executeLinkProvider", document.uri, 20);
      return found.map((each) => ({ text: document.getText(each.range), target: path.basename(each.target.path) }));
    },

    async fileRenamed() {
      const context = await open("shop/shop.context.json");
      const old = vscode.Uri.file(path.join(folder(), "shop", "stocktaking.plan.json"));
      const renamed = vscode.Uri.file(path.join(folder(), "shop", "inventory.plan.json"));
      // VS Code asks the person whether documents may follow the file; the page says yes.
      const moved = apply((edit) => edit.renameFile(old, renamed));
      await look("fileRenamed");
      await moved;
      const text = await until("the path in the context", async () => context.getText(), (found) => found.includes("inventory"));
      await ask("workbench.action.files.revert");
      await vscode.workspace.fs.rename(renamed, old);
      return text;
    },

    async folds() {
      const document = await checkout();
      const found = await ask("vscode.executeFoldingRangeProvider", document.uri);
      return found.map((each) => [each.start + 1, each.end + 1]);
    },

    async selections() {
      const document = await checkout();
      const [innermost] = await ask("vscode.executeSelectionRangeProvider", document.uri, [at(document, "Build the till", 1, 2)]);
      const texts = [];
      for (let range = innermost; range !== undefined; range = range.parent) {
        texts.push(document.getText(range.range));
      }
      return texts;
    },

    async colours() {
      const document = await checkout();
      const legend = await ask("vscode.provideDocumentSemanticTokensLegend", document.uri);
      const { data } = await ask("vscode.provideDocumentSemanticTokens", document.uri);
      return decoded(document, legend, data);
    },

    async format() {
      const document = await open("shop/crowded.plan.json");
      const edits = await ask("vscode.executeFormatDocumentProvider", document.uri, INDENT);
      await apply((edit) => edit.set(document.uri, edits));
      const text = document.getText();
      const again = await ask("vscode.executeFormatDocumentProvider", document.uri, INDENT);
      return { text, again: again?.length ?? 0 };
    },

    async formatRange() {
      const document = await open("shop/crowded.plan.json");
      const line = document.lineAt(3).range;
      const edits = await ask("vscode.executeFormatRangeProvider", document.uri, line, INDENT);
      const lines = edits.map((edit) => edit.range.start.line);
      await apply((edit) => edit.set(document.uri, edits));
      return { text: document.getText(), firstLine: Math.min(...lines) };
    },

    async formatTyped() {
      const document = await checkout();
      const { range } = document.lineAt(at(document, '"steps": [', 1).line);
      await apply((edit) => edit.insert(document.uri, range.end, "\n"));
      const typed = new vscode.Position(range.end.line + 1, 0);
      const edits = await ask("vscode.executeFormatOnTypeProvider", document.uri, typed, "\n", INDENT);
      await apply((edit) => edit.set(document.uri, edits));
      return document.lineAt(typed.line).text;
    },

    async prepareRename() {
      const document = await checkout();
      const { range, placeholder } = await ask("vscode.prepareRename", document.uri, at(document, BUILD, 1, 5));
      const refused = await ask("vscode.prepareRename", document.uri, at(document, '"status"', 2, 12)).then(
        (found) => `offered ${JSON.stringify(found)}`,
        (error) => error.message,
      );
      return { text: document.getText(range), placeholder, refused };
    },

    async rename() {
      const document = await checkout();
      const spot = at(document, BUILD, 1, 5);
      const edit = await ask("vscode.executeDocumentRenameProvider", document.uri, spot, RENAMED);
      const files = edit.entries().map(([uri]) => path.basename(uri.path)).sort();
      if (!(await vscode.workspace.applyEdit(edit))) {
        throw new Error("VS Code refused the edit");
      }
      const confirm = await vscode.workspace.openTextDocument(path.join(folder(), "shop", "build.confirm.json"));
      return { files, plan: document.getText(), confirm: confirm.getText() };
    },

    async actions() {
      const document = await open("shop/stocktaking.plan.json");
      const spot = at(document, "agentRole", 1, 2);
      await until("the finding", async () => vscode.languages.getDiagnostics(document.uri).map((each) => each.code?.value), (codes) =>
        codes.includes("key-not-snake-case"),
      );
      go(document, spot);
      await ask("editor.action.quickFix");
      await look("actions");
      const here = new vscode.Range(spot, spot);
      const offered = await ask("vscode.executeCodeActionProvider", document.uri, here, undefined, 20);
      const titles = offered.map((action) => ({
        title: action.title,
        kind: action.kind?.value,
        isPreferred: action.isPreferred === true,
        disabled: action.disabled?.reason,
      }));
      const fix = offered.find((action) => action.isPreferred);
      await vscode.workspace.applyEdit(fix.edit);
      const fixed = document.getText();
      const sort = offered.find((action) => action.title.startsWith("Sort the steps"));
      await ask("workbench.action.files.revert");
      await vscode.workspace.applyEdit(sort.edit);
      return { titles, fixed, sorted: document.getText() };
    },

    async fixAll() {
      const document = await open("shop/stocktaking.plan.json");
      const everything = new vscode.Range(0, 0, document.lineCount, 0);
      const kind = "source.fixAll.mplp";
      const [action] = await ask("vscode.executeCodeActionProvider", document.uri, everything, kind, 5);
      await vscode.workspace.applyEdit(action.edit);
      return { title: action.title, kind: action.kind.value, text: document.getText() };
    },

    async extract() {
      const document = await checkout();
      const whole = document.getText();
      const first = at(document, '"Print receipts"', 1);
      const selected = new vscode.Range(first, first.translate(1, 0));
      const offered = await ask("vscode.executeCodeActionProvider", document.uri, selected, "refactor.extract", 5);
      await vscode.workspace.applyEdit(offered[0].edit);
      const part = await vscode.workspace.openTextDocument(path.join(folder(), "shop", "checkout-part.plan.json"));
      const extracted = { title: offered[0].title, left: document.getText(), part: part.getText() };
      await discard(ask, part);
      // Taken back by hand: VS Code saves documents whose edit made a file.
      const everything = new vscode.Range(0, 0, document.lineCount, 0);
      await apply((edit) => edit.replace(document.uri, everything, whole));
      await document.save();
      return extracted;
    },

    async newRole() {
      const document = await checkout();
      const spot = at(document, '"formatter"', 1, 3);
      const offered = await ask("vscode.executeCodeActionProvider", document.uri, new vscode.Range(spot, spot), undefined, 20);
      const action = offered.find((each) => each.title.includes("Role document"));
      await vscode.workspace.applyEdit(action.edit);
      const made = await vscode.workspace.openTextDocument(action.edit.entries()[0][0]);
      const written = { title: action.title, text: made.getText() };
      await discard(ask, made);
      return written;
    },

    async graph() {
      const document = await checkout();
      await ask("mplp.ui.showGraph", { uri: document.uri.toString() });
      const isGraph = (each) => each.uri.scheme === "mplp-graph";
      const graphs = async () => vscode.window.visibleTextEditors.map((each) => each.document).find(isGraph);
      const shown = await until("the graph", graphs, (found) => found !== undefined);
      const before = shown.getText();
      const column = vscode.window.visibleTextEditors.find((each) => isGraph(each.document))?.viewColumn;
      await look("graph");
      await apply((edit) => edit.replace(document.uri, rangeOf(document, "Print receipts"), "Print the receipts"));
      const after = await until("the graph after the edit", async () => shown.getText(), (text) => text.includes("Print the receipts"));
      await vscode.window.tabGroups.close(vscode.window.tabGroups.all.filter((group) => group.viewColumn !== vscode.ViewColumn.One));
      return { before, after, column };
    },

    async explain() {
      const document = await open("shop/stocktaking.plan.json");
      await until("the finding", async () => vscode.languages.getDiagnostics(document.uri), (found) => found.length > 0);
      go(document, at(document, "agentRole", 1, 2));
      const answer = await ask("mplp.ui.explain");
      await look("explain");
      return answer;
    },

    async checkAll() {
      return ask("mplp.ui.validateWorkspace");
    },

    async writeBack() {
      const document = await open("release.plan.json");
      const { runs } = await ask("mplp.serverStatus", {});
      const run = runs.filter((each) => each.title === "Release the greeter" && !each.simulated).at(-1);
      const answer = await ask("mplp.ui.writeBackStatus", { run: run.run_id });
      return { answer, text: document.getText() };
    },

    // A person's way, and last, for VS Code saves what it has renamed: the page types the new name and asks for a
    // preview, then applies it.
    async renameRole() {
      const document = await checkout();
      go(document, at(document, '"tester"', 1, 3));
      void ask("editor.action.rename");
      await look("renameRole");
      const files = ["shop/checkout.plan.json", "shop/tester.role.json", "mplp.toml"];
      const read = async (file) => (await vscode.workspace.openTextDocument(path.join(folder(), file))).getText();
      const texts = () => Promise.all(files.map(read));
      const [plan, role, settings] = await until("the new name in three documents", texts, (found) =>
        found.every((text) => text.includes("examiner")),
      );
      return { plan, role, settings };
    },
  };
}

/** Semantic tokens as text, type and modifiers. */
function decoded(document, legend, data) {
  const found = [];
  let line = 0;
  let character = 0;
  for (let index = 0; index < data.length; index += 5) {
    const [down, right, length, type, modifiers] = data.slice(index, index + 5);
    line += down;
    character = down === 0 ? character + right : right;
    found.push({
      text: document.lineAt(line).text.slice(character, character + length),
      type: legend.tokenTypes[type],
      modifiers: legend.tokenModifiers.filter((_, bit) => modifiers & (1 << bit)),
      line: line + 1,
    });
  }
  return found;
}

/** The `nth` place of `text`, `inside` characters after its beginning. */
function at(document, text, nth, inside = 0) {
  let offset = -1;
  for (let seen = 0; seen < nth; seen += 1) {
    offset = document.getText().indexOf(text, offset + 1);
    if (offset === -1) {
      throw new Error(`not in the document: ${text}`);
    }
  }
  return document.positionAt(offset + inside);
}

function rangeOf(document, text) {
  const start = at(document, text, 1);
  return new vscode.Range(start, start.translate(0, text.length));
}

function placeOf(document, uri, range) {
  return {
    file: path.basename(uri.path),
    text: uri.toString() === document.uri.toString() ? document.getText(range) : undefined,
    line: range.start.line + 1,
  };
}

function labelOf(item) {
  return typeof item.label === "string" ? item.label : item.label.label;
}

function textOf(label) {
  return typeof label === "string" ? label : label.map((part) => part.value).join("");
}

async function apply(change) {
  const edit = new vscode.WorkspaceEdit();
  change(edit);
  if (!(await vscode.workspace.applyEdit(edit))) {
    throw new Error("VS Code refused the edit");
  }
}

/** Takes a file away that an action has made. */
async function discard(ask, document) {
  await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.One, preview: true });
  await ask("workbench.action.files.revert");
  await ask("workbench.action.closeActiveEditor");
  await vscode.workspace.fs.delete(document.uri);
}

/**
 * What one feature changed, the next does not see. Texts are compared with the disk: right after an edit VS Code
 * does not say yet that a document is dirty.
 */
async function revertAll(ask, until) {
  for (const document of vscode.workspace.textDocuments.filter((each) => each.uri.scheme === "file")) {
    const asSaved = async () => {
      if (!(await isChanged(document))) {
        return true;
      }
      await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.One, preview: true });
      await ask("workbench.action.files.revert");
      return false;
    };
    await until(`${path.basename(document.fileName)} as it was saved`, asSaved, (isSaved) => isSaved);
  }
}

async function isChanged(document) {
  if (document.isClosed) {
    return false;
  }
  const saved = await vscode.workspace.fs.readFile(document.uri).then(
    (bytes) => new TextDecoder().decode(bytes),
    () => undefined,
  );
  return saved !== undefined && (document.isDirty || document.getText() !== saved);
}
