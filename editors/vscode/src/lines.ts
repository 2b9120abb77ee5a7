/** A run as lines of text: what happened since the last look. Knows nothing of VS Code. */

import { isLive, seconds, shortId, type Run, type Step } from "./protocol";

const LINES_OF_OUTPUT = 12;

export interface Written {
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
  } else if (isLive(run) && !["pending", "running"].includes(before.status)) {
    lines.push(`▶ ${run.title} resumed (${shortId(run.run_id)})`);
  }
  for (const step of run.steps) {
    const state = stateOf(step);
    if (before.steps.get(step.step_id) === state) {
      continue;
    }
    lines.push(...stepLines(step, before.steps.get(step.step_id)));
    before.steps.set(step.step_id, state);
  }
  const open = new Set<string>();
  for (const question of run.questions) {
    const key = `${question.step_id} ${question.kind}`;
    open.add(key);
    if (!before.questions.has(key)) {
      lines.push(`? ${question.text}`);
    }
  }
  // An answered question that comes again is told again.
  before.questions = open;
  if (before.status !== run.status && !isLive(run)) {
    lines.push(...endLines(run));
  }
  before.status = run.status;
  return lines;
}

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

interface NotDone {
  path: string;
  why: string;
}

/** What the server answers when a snapshot has been restored; nothing in it where it was not. */
export interface Restored {
  written?: string[];
  failed?: NotDone[];
  taken_back?: string[];
  left?: NotDone[];
  runs_undone?: string[];
}

/** What came back and what did not, in one line; undefined where nothing was restored. */
export function restoredLine(answer: Restored): string | undefined {
  const { written, failed = [], taken_back = [], left = [], runs_undone = [] } = answer;
  if (written === undefined) {
    return undefined;
  }
  const back = taken_back.length > 0 ? ` What runs did to ${some(taken_back)} was taken back.` : "";
  const undone = runs_undone.length > 0 ? ` ${count(runs_undone.length, "run")} rolled back by it: ${some(runs_undone.map(shortId))}.` : "";
  const lost = [...failed, ...left].map((one) => `${one.path}: ${one.why}`);
  const not = lost.length > 0 ? ` Not restored: ${lost.join("; ")}` : "";
  return `${count(written.length, "file")} restored, with state and graph.${back}${undone}${not}`;
}

/** The first few, and how many more there are. */
export function some(names: string[]): string {
  const more = names.length > 5 ? ` and ${names.length - 5} more` : "";
  return `${names.slice(0, 5).join(", ")}${more}`;
}

export function stateOf(step: Step): string {
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
