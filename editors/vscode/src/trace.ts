/** The output channel "MPLP Trace": one line per thing that happened, written as the run goes on. */

import * as path from "node:path";
import * as vscode from "vscode";
import { finishedSteps, isLive, seconds, shortId, type Question, type Run, type Step } from "./protocol";

const LINES_OF_OUTPUT = 12;

interface Written {
  status: string;
  steps: Map<string, string>;
  questions: Set<string>;
}

/** The lines that bring a channel from `before` to `run`; `before` is updated. Pure but for that. */
export function traceLines(run: Run, before: Written): string[] {
  const lines: string[] = [];
  if (before.status === "") {
    const kind = run.simulated ? "dry run" : "run";
    lines.push(`▶ ${run.title} (${kind} ${shortId(run.run_id)}, ${count(run.steps.length, "step")})`);
  }
  for (const step of run.steps) {
    const state = stateOf(step);
    if (before.steps.get(step.step_id) === state) {
      continue;
    }
    lines.push(...stepLines(step, before.steps.get(step.step_id)));
    before.steps.set(step.step_id, state);
  }
  for (const question of run.questions) {
    const key = `${question.step_id} ${question.kind}`;
    if (!before.questions.has(key)) {
      before.questions.add(key);
      lines.push(`? ${questionText(question)}`);
    }
  }
  if (before.status !== run.status && !isLive(run)) {
    lines.push(...endLines(run));
  }
  before.status = run.status;
  return lines;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function stateOf(step: Step): string {
  return `${step.status} ${step.attempt ?? 0} ${step.interrupted === true}`;
}

function stepLines(step: Step, before: string | undefined): string[] {
  const took = step.duration_s === null ? "" : `  ${seconds(step.duration_s)}`;
  switch (step.status) {
    case "in_progress": {
      const role = step.agent_role ? ` [${step.agent_role}]` : "";
      const again = (step.attempt ?? 0) > 1 ? `, attempt ${step.attempt}` : "";
      return step.interrupted === true
        ? [`? ${step.description}: interrupted; nobody knows yet whether it finished`]
        : [`· ${step.description}${role} started${again}`];
    }
    case "completed":
      return [`✓ ${step.description}${took}`, ...indented(step.output)];
    case "failed":
      return [`✗ ${step.description}${took}${step.error ? `: ${step.error}` : ""}`, ...indented(step.output)];
    case "skipped":
      return [`- ${step.description} skipped${step.error ? `: ${step.error}` : ""}`];
    case "blocked":
      return [`- ${step.description} blocked${step.error ? `: ${step.error}` : ""}`];
    case "pending":
      return before === undefined ? [] : [`· ${step.description} waits again`];
  }
}

function indented(output: string | null | undefined): string[] {
  const lines = (output ?? "").replace(/\s+$/, "").split(/\r\n|\n|\r/);
  if (lines.length === 1 && lines[0] === "") {
    return [];
  }
  const shown = lines.slice(-LINES_OF_OUTPUT).map((line) => `            │ ${line}`);
  const left = lines.length - shown.length;
  return left > 0 ? [`            │ (${left} earlier lines in the timeline)`, ...shown] : shown;
}

function questionText(question: Question): string {
  return `${question.text} - answer with the lens at the step or "MPLP: Answer what a run is waiting for"`;
}

function endLines(run: Run): string[] {
  const mark = run.status === "completed" ? "✓" : run.status === "interrupted" ? "?" : "✗";
  const started = Date.parse(run.started_at);
  const finished = run.finished_at === null ? Number.NaN : Date.parse(run.finished_at);
  const took = Number.isNaN(finished - started) ? "" : `, ${seconds((finished - started) / 1000)}`;
  const why = run.error ? `: ${run.error}` : "";
  const done = run.steps.filter((step) => step.status === "completed").length;
  const lines = [`${mark} Run ${run.status}${why} (${done} of ${count(run.steps.length, "step")} completed${took})`];
  if (run.trace_path) {
    lines.push(`            trace: ${run.trace_path}`);
  }
  return lines;
}

/** One channel for all runs of the window, and the status bar item that sums them up. */
export class TraceView implements vscode.Disposable {
  private readonly channel = vscode.window.createOutputChannel("MPLP Trace", "mplp-trace");
  private readonly item = vscode.window.createStatusBarItem("mplp.run", vscode.StatusBarAlignment.Left, 10);
  private readonly written = new Map<string, Written>();
  private readonly runs = new Map<string, Run>();
  private readonly startedHere = new Set<string>();

  constructor() {
    this.item.name = "MPLP";
    this.item.command = "mplp.ui.serverStatus";
  }

  /** Newest last. */
  get all(): Run[] {
    return [...this.runs.values()];
  }

  update(run: Run): void {
    this.runs.delete(run.run_id);
    this.runs.set(run.run_id, run);
    const before = this.written.get(run.run_id) ?? { status: "", steps: new Map(), questions: new Set() };
    this.written.set(run.run_id, before);
    const clock = new Date().toTimeString().slice(0, 8);
    for (const line of traceLines(run, before)) {
      this.channel.appendLine(/^\s/.test(line) ? line : `${clock}  ${line}`);
    }
    this.reveal(run);
    this.showStatus();
  }

  /** Runs of earlier sessions: known to the pickers, not written again. */
  remember(runs: Run[]): void {
    for (const run of runs) {
      if (!this.runs.has(run.run_id)) {
        this.runs.set(run.run_id, run);
        if (!isLive(run)) {
          const steps = new Map(run.steps.map((step) => [step.step_id, stateOf(step)]));
          this.written.set(run.run_id, { status: run.status, steps, questions: new Set() });
        }
      }
    }
    this.showStatus();
  }

  /** The user of this window started the run, so its output may come into view. */
  follow(run: Run): void {
    this.startedHere.add(run.run_id);
    this.update(run);
  }

  show(): void {
    this.channel.show(true);
  }

  showStatus(serverState: "running" | "starting" | "stopped" = "running"): void {
    const live = this.all.filter(isLive);
    const newest = live.at(-1);
    const questions = live.reduce((count, run) => count + run.questions.length, 0);
    this.item.backgroundColor = undefined;
    if (serverState !== "running") {
      this.item.text = serverState === "starting" ? "$(loading~spin) MPLP" : "$(debug-disconnect) MPLP";
      this.item.tooltip = serverState === "starting" ? "The MPLP server is starting." : "The MPLP server is not running.";
    } else if (newest === undefined) {
      const last = this.all.at(-1);
      const icon = last === undefined ? "$(checklist)" : last.status === "completed" ? "$(pass)" : "$(error)";
      this.item.text = `${icon} MPLP`;
      this.item.tooltip = last === undefined ? "No run yet." : `${last.title}: ${last.status}`;
    } else if (questions > 0) {
      this.item.text = "$(question) MPLP: waiting for you";
      this.item.tooltip = live.flatMap((run) => run.questions.map((question) => question.text)).join("\n");
      this.item.command = "mplp.ui.answerHandoff";
      this.item.backgroundColor = new vscode.ThemeColor("statusBarItem.warningBackground");
      this.item.show();
      return;
    } else {
      const current = newest.steps.filter((step) => step.status === "in_progress").map((step) => step.description);
      this.item.text = `$(sync~spin) MPLP ${finishedSteps(newest)}/${newest.steps.length}`;
      this.item.tooltip = [newest.title, ...current].join("\n");
    }
    this.item.command = "mplp.ui.serverStatus";
    this.item.show();
  }

  dispose(): void {
    this.channel.dispose();
    this.item.dispose();
  }

  private reveal(run: Run): void {
    if (!this.startedHere.has(run.run_id)) {
      return;
    }
    const when = vscode.workspace.getConfiguration("mplp").get<string>("trace.reveal", "always");
    if (when === "always" || (when === "onFailure" && run.status === "failed")) {
      this.show();
      if (when === "always" || !isLive(run)) {
        this.startedHere.delete(run.run_id);
      }
    } else if (!isLive(run)) {
      this.startedHere.delete(run.run_id);
    }
  }
}

/** A label for a run in a list. */
export function runPick(run: Run): vscode.QuickPickItem & { run: Run } {
  const mark = isLive(run) ? "$(sync)" : run.status === "completed" ? "$(pass)" : "$(error)";
  const started = new Date(run.started_at).toLocaleTimeString();
  return {
    label: `${mark} ${run.title}`,
    description: `${run.status}, ${finishedSteps(run)} of ${count(run.steps.length, "step")}`,
    detail: `${path.basename(run.plan_path)}, started ${started}, run ${shortId(run.run_id)}`,
    run,
  };
}
