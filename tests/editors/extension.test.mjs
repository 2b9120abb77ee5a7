// The parts of the VS Code extension that need no VS Code. Run by test_extension_units.py, which bundles them first.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const bundle = process.env.MPLP_BUNDLE;
const { locateServer } = await import(pathToFileURL(path.join(bundle, "locate.mjs")));
const { restoredLine, traceLines } = await import(pathToFileURL(path.join(bundle, "lines.mjs")));

function folderWithServer(...inside) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mplp-"));
  const program = path.join(folder, ...inside, "mplp-lsp");
  fs.mkdirSync(path.dirname(program), { recursive: true });
  fs.writeFileSync(program, "#!/bin/sh\n", { mode: 0o755 });
  return { folder, program };
}

const nowhere = { configured: "", trustedFolders: [], searchPath: "", home: "/nonexistent" };

test("the setting comes first and is taken as it stands", () => {
  const { program } = folderWithServer();
  const other = folderWithServer(".venv", "bin");
  const found = locateServer({ ...nowhere, configured: program, trustedFolders: [other.folder] });
  assert.deepEqual(found, { program, from: "setting" });
});

test("a setting that names no program is a sentence, not a silent fallback", () => {
  const { folder } = folderWithServer(".venv", "bin");
  const around = { ...nowhere, trustedFolders: [folder] };
  assert.throws(() => locateServer({ ...around, configured: "/nonexistent/mplp-lsp" }), /not a program/);
  assert.throws(() => locateServer({ ...around, configured: "bin/mplp-lsp" }), /absolute path/);
  assert.throws(() => locateServer({ ...around, configured: folder }), /not a program/);
});

test("the virtual environment of a trusted workspace comes before PATH", () => {
  const { folder, program } = folderWithServer(".venv", "bin");
  const other = folderWithServer();
  const found = locateServer({ ...nowhere, trustedFolders: [folder], searchPath: other.folder });
  assert.deepEqual(found, { program, from: "workspace" });
});

test("an entry of PATH inside the open folder is never used", () => {
  const { folder } = folderWithServer("bin");
  const before = process.cwd();
  process.chdir(folder);
  try {
    assert.equal(locateServer({ ...nowhere, searchPath: `bin${path.delimiter}.${path.delimiter}` }), undefined);
  } finally {
    process.chdir(before);
  }
});

test("a program that a desktop session does not have on PATH is found in ~/.local/bin", () => {
  const { folder, program } = folderWithServer(".local", "bin");
  assert.deepEqual(locateServer({ ...nowhere, home: folder }), { program, from: "path" });
});

test("without a server there is none", () => {
  assert.equal(locateServer(nowhere), undefined);
});

function run(status, steps, more = {}) {
  return {
    run_id: "0123456789ab",
    title: "Release",
    status,
    simulated: false,
    started_at: "2025-01-01T00:00:00Z",
    finished_at: status === "running" ? null : "2025-01-01T00:01:05Z",
    error: null,
    trace_path: null,
    questions: [],
    steps: steps.map((step) => ({ step_id: step.description, duration_s: null, output: "", error: null, ...step })),
    ...more,
  };
}

function fresh() {
  return { status: "", steps: new Map(), questions: new Set() };
}

test("a change that was already told is not told again", () => {
  const told = fresh();
  const first = run("running", [{ description: "Test", status: "in_progress", attempt: 1 }]);
  assert.deepEqual(traceLines(first, told), ["▶ Release (run 01234567, 1 step)", "· Test started"]);
  assert.deepEqual(traceLines(first, told), []);
});

test("a second attempt of a step is told", () => {
  const told = fresh();
  traceLines(run("running", [{ description: "Test", status: "in_progress", attempt: 1 }]), told);
  const again = traceLines(run("running", [{ description: "Test", status: "in_progress", attempt: 2 }]), told);
  assert.deepEqual(again, ["· Test started, attempt 2"]);
});

test("a failure is told with its reason and the last lines of its output", () => {
  const output = Array.from({ length: 20 }, (_, line) => `line ${line}`).join("\n");
  const step = { description: "Test", status: "failed", duration_s: 1.234, error: "exit code 1", output };
  const lines = traceLines(run("failed", [step]), fresh());
  assert.equal(lines[1], "✗ Test  1.2 s: exit code 1");
  assert.match(lines[2], /│ \(8 earlier lines in the timeline\)/);
  assert.match(lines[3], /│ line 8$/);
  assert.equal(lines.at(-1), "✗ Run failed (0 of 1 step completed, 1 min 5 s)");
});

test("a question is told once, and again when it comes back after an answer", () => {
  const told = fresh();
  const questions = [{ step_id: "Test", kind: "handoff", text: "Did it work?" }];
  const step = { description: "Test", status: "in_progress", attempt: 1 };
  assert.equal(traceLines(run("running", [step], { questions }), told).at(-1), "? Did it work?");
  assert.deepEqual(traceLines(run("running", [step], { questions }), told), []);
  assert.deepEqual(traceLines(run("running", [step]), told), []);
  assert.equal(traceLines(run("running", [step], { questions }), told).at(-1), "? Did it work?");
});

test("a resumed run says so instead of starting over", () => {
  const told = fresh();
  traceLines(run("interrupted", [{ description: "Test", status: "completed", duration_s: 1 }]), told);
  const lines = traceLines(run("running", [{ description: "Test", status: "completed", duration_s: 1 }]), told);
  assert.deepEqual(lines, ["▶ Release resumed (01234567)"]);
});

test("a restore tells what came back, what runs did that was taken back, and what stayed with its reason", () => {
  const left = [{ path: "c.txt", why: "somebody has changed it since" }];
  assert.equal(
    restoredLine({ written: ["a.txt"], failed: [], taken_back: ["b.txt"], left, runs_undone: ["0123456789"] }),
    "1 file restored, with state and graph. What runs did to b.txt was taken back. 1 run rolled back by it: 01234567. " +
      "Not restored: c.txt: somebody has changed it since",
  );
  assert.equal(restoredLine({ written: [] }), "0 files restored, with state and graph.");
  assert.equal(restoredLine({}), undefined);
});
