/** Progress of a run as a notification with a cancel button; the library shows all progress without one. */

import * as vscode from "vscode";
import type { ProgressToken, WorkDoneProgressBegin, WorkDoneProgressEnd, WorkDoneProgressReport } from "vscode-languageclient/node";

type Progress = WorkDoneProgressBegin | WorkDoneProgressReport | WorkDoneProgressEnd;

interface Shown {
  report: (message: string | undefined, percentage: number | undefined) => void;
  end: () => void;
}

export class RunProgress implements vscode.Disposable {
  private readonly shown = new Map<ProgressToken, Shown>();

  constructor(private readonly cancel: (token: ProgressToken) => void) {}

  /** Whether this progress is shown here; otherwise it is the library's. */
  accept(token: ProgressToken, progress: Progress): boolean {
    if (progress.kind === "begin" && progress.cancellable === true) {
      this.shown.set(token, this.begin(token, progress));
      return true;
    }
    const shown = this.shown.get(token);
    if (shown === undefined) {
      return false;
    }
    if (progress.kind === "report") {
      shown.report(progress.message, progress.percentage);
    } else if (progress.kind === "end") {
      shown.end();
      this.shown.delete(token);
    }
    return true;
  }

  /** The server is gone, and with it everything that would end these. */
  clear(): void {
    for (const shown of this.shown.values()) {
      shown.end();
    }
    this.shown.clear();
  }

  dispose(): void {
    this.clear();
  }

  private begin(token: ProgressToken, progress: WorkDoneProgressBegin): Shown {
    let reported = 0;
    let bar: vscode.Progress<{ message?: string; increment?: number }> | undefined;
    let end: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => (end = resolve));
    const report = (message: string | undefined, percentage: number | undefined): void => {
      const increment = Math.max(0, (percentage ?? 0) - reported);
      reported += increment;
      bar?.report({ ...(message === undefined ? {} : { message }), increment });
    };
    const options = { location: vscode.ProgressLocation.Notification, title: progress.title, cancellable: true };
    void vscode.window.withProgress(options, (opened, cancellation) => {
      bar = opened;
      cancellation.onCancellationRequested(() => this.cancel(token));
      report(progress.message, progress.percentage);
      return finished;
    });
    return { report, end };
  }
}
