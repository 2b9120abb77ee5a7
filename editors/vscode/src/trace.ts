/** The output channel "MPLP Trace": one line per thing that happened, written as the run goes on. */

import * as path from "node:path";
import * as vscode from "vscode";
import { count, stateOf, traceLines, type Written } from "./lines";
import { finishedSteps, isLive, shortId, type Run } from "./protocol";

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

  /**
   * What the server knows of runs. Those of earlier sessions are known to the pickers and not written again; one that
   * ended while nobody listened (the server crashed) is told now.
   */
  remember(runs: Run[]): void {
    for (const run of runs) {
      const known = this.runs.get(run.run_id);
      if (known !== undefined && isLive(known) && !isLive(run)) {
        this.update(run);
      } else if (known === undefined) {
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
    const told = this.runs.get(run.run_id);
    if (told === undefined) {
      this.update(run);
    } else {
      // The answer to a command was made when the run began; what the server has told since is newer.
      this.reveal(told);
    }
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
