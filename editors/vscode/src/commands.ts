/**
 * The commands of the palette, and the same questions for code lenses and code actions.
 *
 * The server registers `mplp.runPlan` and its kin; the palette has `mplp.ui.runPlan`, so that both exist side by side.
 * Each command takes the server's argument object. What is missing in it, the user is asked for.
 */

import * as vscode from "vscode";
import { asArgument, Asking, canBeSkipped, withLabel, withPlan, withReason, withUri, type Argument } from "./asking";
import { openBeside } from "./documents";
import { showExplanation, withFinding } from "./explain";
import { count } from "./lines";
import { isLive, type Run, type ServerStatus } from "./protocol";
import { refusal, Refusals } from "./refusals";
import type { Server } from "./server";
import { counted, drifted, restored, say, written } from "./told";
import { runPick, type TraceView } from "./trace";

/** Fills in what is missing; undefined when the user changed their mind. */
type Complete = (argument: Argument) => Promise<Argument | undefined>;

interface Command {
  complete: Complete;
  /** Starts processes, so a restricted window refuses it before the server is asked. */
  needsTrust?: boolean;
  after?: (answer: unknown, argument: Argument) => Promise<void> | void;
}

export class Commands {
  private readonly asking: Asking;
  private readonly refusals = new Refusals((id, argument) => this.run(id, argument));
  private readonly table: Record<string, Command> = {
    "mplp.runPlan": { complete: withPlan, needsTrust: true, after: (run) => this.started(run) },
    "mplp.dryRunPlan": { complete: withPlan, after: (run) => this.started(run) },
    "mplp.cancelRun": { complete: (argument) => this.asking.withRun(argument, "Cancel which run?", isLive) },
    "mplp.pauseRun": { complete: (argument) => this.asking.withRun(argument, "Pause which run?", (run) => isLive(run) && run.paused !== true) },
    "mplp.resumeRun": {
      complete: (argument) => this.asking.withRepeat(argument),
      needsTrust: true,
      after: (run) => this.started(run),
    },
    "mplp.retryStep": {
      complete: (argument) => this.asking.withStep(argument, "Retry which step?", (step) => step.status === "failed"),
      needsTrust: true,
      after: (run) => this.started(run),
    },
    "mplp.skipStep": {
      complete: (argument) => this.asking.withStep(argument, "Skip which step?", canBeSkipped),
      needsTrust: true,
      after: (run) => this.started(run),
    },
    "mplp.rollbackRun": {
      complete: (argument) => this.asking.withRun(argument, "Roll back the files of which run?", (run) => !isLive(run) && !run.simulated),
      needsTrust: true,
      after: (answer) => say((answer as { text: string }).text),
    },
    "mplp.answerHandoff": { complete: (argument) => this.asking.withAnswer(argument) },
    "mplp.showTrace": {
      complete: (argument) => this.asking.withTrace(argument),
      after: (answer) => this.showTrace(answer),
    },
    "mplp.showGraph": { complete: withPlan },
    "mplp.writeBackStatus": {
      complete: (argument) => this.asking.withRun(argument, "Write back the statuses of which run?", (run) => !run.simulated),
      after: (answer) => written(answer),
    },
    "mplp.validateWorkspace": { complete: async (argument) => argument, after: (answer) => counted(answer) },
    "mplp.createSnapshot": {
      complete: withLabel,
      needsTrust: true,
      after: (answer) => say(`The snapshot holds ${count((answer as { files: number }).files, "file")}, the state and the graph.`),
    },
    "mplp.restoreSnapshot": {
      complete: (argument) => this.asking.withSnapshot(argument),
      needsTrust: true,
      after: (answer) => restored(answer),
    },
    "mplp.reconcileDrift": { complete: (argument) => this.asking.withRun(argument, "The changes since which run?", (run) => !run.simulated) },
    "mplp.checkDrift": { complete: (argument) => withUri(argument), after: (answer) => drifted(answer) },
    // Not awaited: the explanation stays for as long as the user reads it.
    "mplp.explain": { complete: withFinding, after: (answer) => void showExplanation(answer) },
    "mplp.proposePlan": { complete: withPlan, after: () => say("The plan is proposed: it now waits for an approval.") },
    "mplp.approvePlan": { complete: (argument) => withReason(argument, false), after: () => say("The plan is approved.") },
    "mplp.rejectPlan": { complete: (argument) => withReason(argument, true), after: () => say("The plan is rejected.") },
    "mplp.trustWorkspace": { complete: (argument) => withUri(argument) },
  };

  constructor(
    private readonly server: () => Server,
    private readonly trace: TraceView,
  ) {
    this.asking = new Asking(this, trace);
  }

  register(): vscode.Disposable {
    const ids = Object.keys(this.table);
    return vscode.Disposable.from(
      ...ids.map((id) =>
        vscode.commands.registerCommand(id.replace("mplp.", "mplp.ui."), (argument?: unknown) => this.run(id, argument)),
      ),
      vscode.commands.registerCommand("mplp.ui.serverStatus", () => this.showStatus()),
      vscode.commands.registerCommand("mplp.ui.restartServer", () => this.server().restart()),
    );
  }

  /** Runs a server command; answers what the server answered, or `{refused}` with the sentence the user saw. */
  async run(id: string, given: unknown): Promise<unknown> {
    const command = this.table[id] ?? { complete: async (argument: Argument) => argument };
    if (id === "mplp.trustWorkspace" && !vscode.workspace.isTrusted) {
      return vscode.commands.executeCommand("workbench.trust.manage");
    }
    const argument = await command.complete(asArgument(given));
    if (argument === undefined) {
      return undefined;
    }
    if (command.needsTrust === true && argument["simulate"] !== true && !vscode.workspace.isTrusted) {
      const message = "Nothing is run in a folder that is not trusted. Trust it first, or simulate the plan, which starts nothing.";
      void this.refusals.offerTrust(message, argument);
      return refusal("not-trusted", message);
    }
    try {
      const answer = await this.send(id, argument);
      await command.after?.(answer, argument);
      return answer;
    } catch (error) {
      return this.refusals.refuse(argument, error);
    }
  }

  /** What the server knows of runs, for the lists; [] when there is no server. */
  async status(): Promise<ServerStatus | undefined> {
    const answer = await this.send("mplp.serverStatus", {}).catch(() => undefined);
    if (answer === undefined) {
      return undefined;
    }
    const status = answer as ServerStatus;
    this.trace.remember(status.runs ?? []);
    return status;
  }

  /** Has the server carry out one of its commands; fails with its sentence where it refuses. */
  async send(command: string, argument: Argument): Promise<unknown> {
    const client = await this.server().ready();
    if (client === undefined) {
      throw new Error("The MPLP server is not running.");
    }
    return client.sendRequest("workspace/executeCommand", { command, arguments: [argument] });
  }

  private started(answer: unknown): void {
    if (isRun(answer)) {
      this.trace.follow(answer);
    }
  }

  private async showTrace(answer: unknown): Promise<void> {
    const shown = answer as { text?: string; shown?: boolean } | null;
    if (typeof shown?.text === "string" && shown.shown === true) {
      // The server has opened the text by itself.
      return;
    }
    this.trace.show();
    const path = (answer as { trace_path?: string } | null)?.trace_path;
    if (typeof path === "string") {
      await openBeside(vscode.Uri.file(path));
    }
  }

  private async showStatus(): Promise<unknown> {
    const status = await this.status();
    const item = (label: string, detail: string, run: () => unknown) => ({ label, detail, run });
    const items = [
      item("$(output) Show trace", "The output channel of all runs", () => this.trace.show()),
      item("$(debug-restart) Restart server", this.server().program ?? "not found", () => this.server().restart()),
      item("$(list-unordered) Show log", "What the server and the editor tell each other", () => this.server().showLog()),
      ...this.trace.all
        .slice()
        .reverse()
        .map((run) => ({ ...runPick(run), run: () => this.run("mplp.showTrace", { run: run.run_id }) })),
    ];
    const title =
      status === undefined
        ? "MPLP: no server"
        : `MPLP ${status.version}, ${status.trusted ? "trusted: plans may run" : "not trusted: dry runs only"}`;
    void vscode.window.showQuickPick(items, { title }).then((choice) => choice?.run());
    return status;
  }
}

function isRun(answer: unknown): answer is Run {
  return typeof answer === "object" && answer !== null && "run_id" in answer && "steps" in answer;
}
