// Lives inside the real VS Code of the tests. It opens documents, calls commands, and writes down as JSON what the
// VS Code API shows; the Python tests judge. The browser (page.mjs) and this file take turns through files.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const vscode = require("vscode");
const { playFeatures } = require("./features");

const meeting = process.env.MPLP_DRIVER_FOLDER;
const facts = {};

exports.activate = () => {
  const scenario = { trusted, untrusted }[process.env.MPLP_DRIVER_SCENARIO];
  if (meeting === undefined || scenario === undefined) {
    return;
  }
  scenario()
    .catch((error) => {
      facts.error = `${error.stack ?? error}`;
      facts.everyProblem = vscode.languages.getDiagnostics().map(([uri]) => [uri.path, problemsOf(uri)]);
    })
    .finally(() => {
      fs.writeFileSync(path.join(meeting, "facts.partial"), JSON.stringify(facts, null, 2));
      fs.renameSync(path.join(meeting, "facts.partial"), path.join(meeting, "facts.json"));
    });
};

async function trusted() {
  facts.isTrusted = vscode.workspace.isTrusted;
  const broken = await open("broken.plan.json");
  facts.language = broken.languageId;
  facts.broken = await until("problems in the broken plan", () => problemsOf(broken.uri), isWhole);
  await vscode.commands.executeCommand("workbench.actions.view.problems");
  await turn("problems");
  await vscode.commands.executeCommand("workbench.action.closePanel");

  const release = await open("release.plan.json");
  facts.lenses = await until("code lenses", () => lensesOf(release.uri), (found) => found.length > 0);
  facts.actions = await actionsOf(release.uri);
  facts.clean = problemsOf(release.uri);
  facts.commands = (await vscode.commands.getCommands(true)).filter((id) => id.startsWith("mplp."));

  // The page types the name of the command into the palette; from here on the run is its doing.
  hold();
  signal("palette");
  facts.hintsWhileRunning = await until(
    "a running step",
    () => hintsOf(release),
    (hints) => hints.some((hint) => hint.label.includes("✓")) && hints.some((hint) => hint.label.includes("running")),
  );
  await turn("running");
  letGo();
  // With its last line: VS Code shows the lines as they come.
  facts.trace = await until("the end of the run in the trace", traceText, (text) =>
    /Run completed[^]*\n\s*trace: /u.test(text),
  );
  facts.hintsAtTheEnd = await hintsOf(release);
  await turn("trace");

  await vscode.commands.executeCommand("mplp.ui.showTrace", { uri: release.uri.toString() });
  facts.traceDocument = await until("the trace document", shownTrace, (shown) => shown !== undefined);
  await turn("document");

  const failing = await open("failing.plan.json");
  await run(failing.uri);
  facts.failing = await until("the failure at its step", () => problemsOf(failing.uri), (found) => found.length > 0);
  await until("the failure in the trace", traceText, (text) => text.includes("Run failed"));
  await turn("failure");

  const draft = await open("draft.plan.json");
  facts.refused = await run(draft.uri);
  await turn("approval");
  facts.approved = await until("the approved run", () => statusOf("Draft of a release"), (status) => status === "completed");

  const review = await open("review.plan.json");
  await run(review.uri);
  const asked = await until("the question", () => newestRun("Ask a person"), (found) => found?.questions.length > 0);
  facts.question = asked.questions[0];
  await turn("question");
  signal("answer");
  facts.answered = await until("the answered run", () => newestRun("Ask a person"), (found) => found?.status === "completed");
  await turn("answered");

  hold();
  await run(release.uri);
  const isTesting = (found) => found?.steps.some((step) => step.agent_role === "tester" && step.status === "in_progress");
  await until("the test under way", () => newestRun("Release the greeter"), isTesting);
  await vscode.commands.executeCommand("mplp.ui.restartServer");
  facts.interrupted = await until(
    "the interrupted run",
    () => newestRun("Release the greeter"),
    (found) => found?.status === "interrupted",
  );
  letGo();
  signal("resume");
  facts.resumed = await until(
    "the resumed run",
    () => newestRun("Release the greeter"),
    (found) => found?.status === "completed",
  );

  hold();
  const again = await run(release.uri);
  await vscode.commands.executeCommand("mplp.ui.cancelRun", { run: again.run_id });
  letGo();
  facts.cancelled = await until("the cancelled run", () => statusOf("Release the greeter"), (status) => status === "cancelled");
  facts.rejected = await vscode.commands.executeCommand("mplp.ui.rejectPlan", {
    uri: draft.uri.toString(),
    reason: "not this week",
  });
  facts.refusedAfterRejection = await run(draft.uri);
  // VS Code writes an output channel to a file and reads that into the view, which may take seconds.
  facts.wholeTrace = await until("the cancelled run in the trace", traceText, (text) => text.includes("Run cancelled"));
  facts.server = await vscode.commands.executeCommand("mplp.ui.serverStatus");
  await vscode.commands.executeCommand("workbench.action.closeQuickOpen");

  const [before] = serverProcesses();
  process.kill(before, "SIGKILL");
  const isGone = (found) => !found.includes(before) && found.length === 1;
  const [after] = await until("another server process", async () => serverProcesses(), isGone);
  facts.serverProcesses = [before, after];
  facts.afterCrash = await until("an answer after the crash", () => status().catch(() => undefined), (found) => found?.runs.length > 0);
  const reopened = await open("broken.plan.json");
  const isAsBefore = (count) => count === facts.broken.length;
  facts.problemsAfterCrash = await until("the problems after the crash", async () => problemsOf(reopened.uri).length, isAsBefore);
}

/** The processes of the server that this VS Code started. */
function serverProcesses() {
  const numbers = fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return numbers.map(Number).filter((number) => {
    try {
      const parent = /^PPid:\s*(\d+)/m.exec(fs.readFileSync(`/proc/${number}/status`, "utf8"))?.[1];
      return Number(parent) === process.pid && fs.readFileSync(`/proc/${number}/cmdline`, "utf8").includes("mplp-lsp");
    } catch {
      return false;
    }
  });
}

async function untrusted() {
  facts.isTrusted = vscode.workspace.isTrusted;
  const broken = await open("broken.plan.json");
  facts.broken = await until("problems in the broken plan", () => problemsOf(broken.uri), isWhole);
  const release = await open("release.plan.json");
  facts.lenses = await until("code lenses", () => lensesOf(release.uri), (found) => found.length > 0);
  await turn("refusal");
  facts.refused = await run(release.uri);
  // The lens asks the same question, and the server refuses on its own account.
  facts.refusedLens = await vscode.commands.executeCommand("mplp.runPlan", { uri: release.uri.toString() });
  facts.statusBefore = await status();
  facts.dryRun = await vscode.commands.executeCommand("mplp.ui.dryRunPlan", { uri: release.uri.toString() });
  await until("the dry run", () => statusOf("Release the greeter"), (found) => found === "completed");
  facts.dryRunTrace = await until("the dry run in the trace", async () => traceText(), (text) => text.includes("Run completed"));
  facts.filesBeforeTrust = fs.readdirSync(folder()).sort();
  await turn("trust");
  await until("trust", async () => vscode.workspace.isTrusted, (isTrusted) => isTrusted);
  await until("the server's trust", status, (found) => found?.trusted === true);
  await vscode.commands.executeCommand("workbench.action.closeQuickOpen");
  await open("release.plan.json");
  facts.runAfterTrust = await run(release.uri);
  facts.afterTrust = await until(
    "the run after trust",
    async () => (await newestRun("Release the greeter"))?.status,
    (found) => found === "completed" && fs.existsSync(path.join(folder(), "greeter.tar")),
  );
  await vscode.commands.executeCommand("workbench.action.closePanel");
  await playFeatures(facts, { open, until, turn, signal, folder });
}

/** The first findings come before the other files of the workspace are read; then those about them follow. */
function isWhole(problems) {
  const early = ["plan-context-unknown", "step-role-unbound"];
  const all = vscode.languages.getDiagnostics().flatMap(([, found]) => found.map((each) => each.code?.value ?? each.code));
  return problems.some((found) => found.code === "plan-cycle") && !all.some((code) => early.includes(code));
}

function folder() {
  return vscode.workspace.workspaceFolders[0].uri.fsPath;
}

async function open(name) {
  const document = await vscode.workspace.openTextDocument(path.join(folder(), name));
  await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.One, preview: true });
  return document;
}

function run(uri) {
  return vscode.commands.executeCommand("mplp.ui.runPlan", { uri: uri.toString() });
}

function problemsOf(uri) {
  return vscode.languages.getDiagnostics(uri).map((found) => ({
    message: found.message,
    code: typeof found.code === "object" ? found.code.value : found.code,
    href: typeof found.code === "object" ? found.code.target.toString() : null,
    severity: vscode.DiagnosticSeverity[found.severity],
    source: found.source,
    start: [found.range.start.line, found.range.start.character],
    end: [found.range.end.line, found.range.end.character],
    related: (found.relatedInformation ?? []).map((other) => other.message),
  }));
}

async function lensesOf(uri) {
  const lenses = (await vscode.commands.executeCommand("vscode.executeCodeLensProvider", uri, 50)) ?? [];
  return lenses.map((lens) => ({
    line: lens.range.start.line,
    title: lens.command?.title,
    command: lens.command?.command,
    arguments: lens.command?.arguments,
  }));
}

async function actionsOf(uri) {
  const everything = new vscode.Range(0, 0, 0, 0);
  const actions = (await vscode.commands.executeCommand("vscode.executeCodeActionProvider", uri, everything)) ?? [];
  return actions.map((action) => action.title);
}

async function hintsOf(document) {
  const everything = new vscode.Range(0, 0, document.lineCount, 0);
  const hints = (await vscode.commands.executeCommand("vscode.executeInlayHintProvider", document.uri, everything)) ?? [];
  return hints.map((hint) => ({
    line: hint.position.line,
    label: typeof hint.label === "string" ? hint.label : hint.label.map((part) => part.value).join(""),
  }));
}

/** What the output channel shows: VS Code keeps it as a document once it has come into view. */
function traceText() {
  const shown = vscode.workspace.textDocuments.find(
    (document) => document.uri.scheme === "output" && document.languageId === "mplp-trace",
  );
  return shown?.getText() ?? "";
}

function shownTrace() {
  const shown = vscode.window.visibleTextEditors.find((editor) => editor.document.fileName.endsWith(".trace.json"));
  return shown && { file: shown.document.fileName, column: shown.viewColumn, language: shown.document.languageId };
}

/** The server's own command: unlike the palette's it opens no list, which would close what the page types into. */
function status() {
  return vscode.commands.executeCommand("mplp.serverStatus", {});
}

async function newestRun(title) {
  return (await status())?.runs.filter((found) => found.title === title).at(-1);
}

async function statusOf(title) {
  return (await newestRun(title))?.status;
}

/** From here on the tester of the release goes on until it is let go (project.py). */
function hold() {
  fs.writeFileSync(holdFile(), "");
}

function letGo() {
  fs.rmSync(holdFile());
}

function holdFile() {
  return path.join(path.dirname(folder()), "hold");
}

/** Tells the page that it is its turn. */
function signal(name) {
  fs.writeFileSync(path.join(meeting, `driver-${name}`), "");
}

/** Waits until the page has looked. */
async function turn(name) {
  signal(name);
  await until(`the page at "${name}"`, async () => fs.existsSync(path.join(meeting, `page-${name}`)), (seen) => seen, 120);
}

async function until(what, look, isEnough, limit_s = 60) {
  const end = Date.now() + limit_s * 1000;
  let seen;
  do {
    seen = await look();
    if (isEnough(seen)) {
      return seen;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  } while (Date.now() < end);
  throw new Error(`${what}: not within ${limit_s} s; last seen: ${JSON.stringify(seen)}`);
}
