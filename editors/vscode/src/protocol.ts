/** What the server sends beyond LSP (ARCHITECTURE.md 7): runs as JSON, and the answers of its commands. */

export type RunStatus = "pending" | "running" | "completed" | "failed" | "cancelled" | "interrupted";
export type StepStatus = "pending" | "in_progress" | "completed" | "blocked" | "skipped" | "failed";

export interface Step {
  step_id: string;
  description: string;
  status: StepStatus;
  agent_role?: string | null;
  attempt?: number;
  /** Seconds; null until the step has ended. */
  duration_s: number | null;
  output?: string | null;
  error?: string | null;
  interrupted?: boolean;
  /** Who has the turn or had it, in a run of several participants. */
  participant?: string | null;
}

export interface Question {
  step_id: string;
  /** handoff: a person does the step. gate: may it start? repeat: it was under way when the process ended. */
  kind: "handoff" | "gate" | "repeat" | "completion" | "conflict";
  text: string;
  /** conflict: the participants who wrote differently; the answer's output names one. */
  choices?: string[];
}

export interface Run {
  run_id: string;
  plan_id: string;
  plan_path: string;
  title: string;
  status: RunStatus;
  simulated: boolean;
  generation: number;
  started_at: string;
  finished_at: string | null;
  trace_id: string;
  trace_path: string | null;
  timeline_path: string | null;
  error: string | null;
  steps: Step[];
  questions: Question[];
  /** What is under way ends, and nothing more begins until the run is resumed. */
  paused?: boolean;
}

export interface ServerStatus {
  version: string;
  trusted: boolean;
  runs: Run[];
}

export function isLive(run: Run): boolean {
  return run.status === "pending" || run.status === "running";
}

/** Completed, skipped and failed steps: what "2 of 5" counts. */
export function finishedSteps(run: Run): number {
  return run.steps.filter((step) => ["completed", "skipped", "failed"].includes(step.status)).length;
}

/** Enough of an id to tell two runs apart. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}

export function seconds(duration_s: number): string {
  if (duration_s < 1) {
    return `${Math.round(duration_s * 1000)} ms`;
  }
  if (duration_s < 60) {
    return `${duration_s.toFixed(1)} s`;
  }
  const whole = Math.round(duration_s);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
