;;; mplp.el --- Check and run MPLP plans with eglot -*- lexical-binding: t -*-

;; SPDX-License-Identifier: Apache-2.0
;; Version: 0.1.0
;; Package-Requires: ((emacs "28.1") (eglot "1.9"))
;; Keywords: languages, tools

;;; Commentary:

;; Needs the program mplp-lsp on `exec-path' (pipx install mplp-lsp).
;;
;;   (require 'mplp)
;;
;; then open a plan.  Commands: `mplp-run', `mplp-simulate', `mplp-cancel', `mplp-trace', `mplp-propose',
;; `mplp-approve', `mplp-reject', `mplp-answer', `mplp-resume', `mplp-trust', `mplp-status', `mplp-graph',
;; `mplp-explain', `mplp-write-back', `mplp-check-all', `mplp-snapshot', `mplp-restore',
;; `mplp-drift'.

;;; Code:

(require 'eglot)
(require 'seq)
(require 'subr-x)

(defgroup mplp nil
  "MPLP plans."
  :group 'languages
  :prefix "mplp-")

(defcustom mplp-program '("mplp-lsp" "--stdio")
  "The language server and its arguments."
  :type '(repeat string))

;;;###autoload
(defvar mplp-file-pattern
  (rx (or (seq (or bos "/" ".")
               (or "context" "plan" "confirm" "trace" "role" "extension" "dialog" "collab" "core" "network" "event"
                   "sample")
               ".json")
          (seq (or "." "-") "events.ndjson")
          (seq (or bos "/") "execution.ndjson")
          (seq (or bos "/") "mplp.toml"))
      eos)
  "Names of files that are MPLP documents.")

;;;###autoload
(define-derived-mode mplp-mode prog-mode "MPLP"
  "Major mode for MPLP documents (JSON)."
  (setq-local comment-start "")
  (setq-local indent-tabs-mode nil)
  (modify-syntax-entry ?\" "\"" mplp-mode-syntax-table)
  (setq font-lock-defaults
        `(((,(rx (group "\"" (* (not (any "\"\n"))) "\"") (* space) ":") 1 font-lock-keyword-face t)
           (,(rx symbol-start (or "true" "false" "null") symbol-end) . font-lock-constant-face)))))

;;;###autoload
(add-to-list 'auto-mode-alist (cons mplp-file-pattern 'mplp-mode))
(defclass mplp-server (eglot-lsp-server) ()
  :documentation "The server of MPLP documents.")

(cl-defmethod eglot-client-capabilities ((_server mplp-server))
  "Eglot answers questions of a server and does not say so; trust is asked for that way."
  (let* ((all (cl-call-next-method))
         (window (append (plist-get all :window) nil)))
    (plist-put all :window
               (plist-put window :showMessage '(:messageActionItem (:additionalPropertiesSupport :json-false))))))

;; A function, so that a later change of `mplp-program' counts.
(add-to-list 'eglot-server-programs (cons 'mplp-mode (lambda (_interactive) (cons 'mplp-server mplp-program))))
(add-hook 'mplp-mode-hook #'eglot-ensure)

(defun mplp--execute (command &rest argument)
  "Have the server execute COMMAND with the property list ARGUMENT.
Return its answer; a refusal of the server is shown as a `user-error'."
  (condition-case problem
      (jsonrpc-request (or (eglot-current-server) (user-error "No MPLP server in this buffer"))
                       :workspace/executeCommand
                       (list :command command :arguments (vector (or argument (make-hash-table)))))
    (jsonrpc-error (user-error "MPLP: %s" (alist-get 'jsonrpc-error-message (cddr problem))))))

(defun mplp--uri ()
  "The URI of this buffer's file."
  (plist-get (eglot--TextDocumentIdentifier) :uri))

(defun mplp--choose-run (fits)
  "Ask for one of the runs for which FITS answers non-nil.
Return its property list."
  (let* ((runs (seq-filter fits (plist-get (mplp--execute "mplp.serverStatus") :runs)))
         (labels (mapcar (lambda (run)
                           (cons (format "%s: %s (%s)" (plist-get run :title) (plist-get run :status)
                                         (substring (plist-get run :run_id) 0 8))
                                 run))
                         runs)))
    (cond ((null labels) (user-error "There is no run for this"))
          ((null (cdr labels)) (cdar labels))
          (t (cdr (assoc (completing-read "Run: " labels nil t) labels))))))

(defun mplp--status-in (&rest words)
  "A predicate for runs whose status is one of WORDS."
  (lambda (run) (member (plist-get run :status) words)))

(defun mplp-run (&optional approve)
  "Run the plan of this buffer; with a prefix argument APPROVE it first."
  (interactive "P")
  (let ((run (apply #'mplp--execute "mplp.runPlan" :uri (mplp--uri) (and approve '(:approve t)))))
    (message "MPLP: %s %s" (plist-get run :title) (plist-get run :status))))

(defun mplp-simulate ()
  "Go through the plan of this buffer and start nothing."
  (interactive)
  (let ((run (mplp--execute "mplp.dryRunPlan" :uri (mplp--uri))))
    (message "MPLP: %s %s" (plist-get run :title) (plist-get run :status))))

(defun mplp-cancel ()
  "Cancel a run."
  (interactive)
  (mplp--execute "mplp.cancelRun" :run (plist-get (mplp--choose-run (mplp--status-in "running" "pending")) :run_id)))

(defun mplp-pause ()
  "Let what is under way in a run end, and begin nothing more."
  (interactive)
  (mplp--execute "mplp.pauseRun" :run (plist-get (mplp--choose-run (mplp--status-in "running")) :run_id)))

(defun mplp-resume (&optional repeat)
  "Go on with an interrupted or paused run.
With a prefix argument REPEAT the step that was under way."
  (interactive "P")
  (let ((run (plist-get (mplp--choose-run (lambda (run) (or (equal (plist-get run :status) "interrupted") (eq (plist-get run :paused) t)))) :run_id)))
    (apply #'mplp--execute "mplp.resumeRun" :run run (and repeat '(:repeat t)))))

(defun mplp-answer ()
  "Answer what a run is waiting for."
  (interactive)
  (let* ((run (mplp--choose-run (lambda (run) (not (seq-empty-p (plist-get run :questions))))))
         (question (seq-first (plist-get run :questions)))
         (answers (mplp--answers (plist-get question :kind)))
         (text (format "%s (%s) " (plist-get question :text) (mapconcat #'car answers ", ")))
         (answer (cdr (assoc (completing-read text answers nil t) answers)))
         (output (unless (plist-get answer :repeat) (read-string "What came out of it? (optional) "))))
    (apply #'mplp--execute "mplp.answerHandoff" :run (plist-get run :run_id) :step (plist-get question :step_id)
           (append answer (and output (not (string-empty-p output)) (list :output output))))))

(defun mplp--answers (kind)
  "What can be answered to a question of KIND, with the arguments that say so."
  (pcase kind
    ((or "gate" "completion") '(("yes" :success t) ("no" :success :json-false)))
    ("repeat" '(("finished" :success t) ("again" :success :json-false :repeat t) ("failed" :success :json-false)))
    ("conflict" '(("name one" :success t) ("nobody" :success :json-false)))
    (_ '(("done" :success t) ("not done" :success :json-false)))))

(defun mplp-trace ()
  "Open the trace of this plan's latest run."
  (interactive)
  (let ((path (plist-get (mplp--execute "mplp.showTrace" :uri (mplp--uri)) :trace_path)))
    (when path (find-file-other-window path) (auto-revert-mode) (read-only-mode))))

(defun mplp--show-text (name text)
  "Show TEXT, which is not a file, in the buffer NAME beside this one."
  (with-current-buffer (get-buffer-create name)
    (let ((inhibit-read-only t))
      (erase-buffer)
      (insert text)
      (goto-char (point-min)))
    (special-mode)
    (display-buffer (current-buffer))))

(defun mplp-graph (&optional dot)
  "Show the dependency graph of this plan as Mermaid text.
With a prefix argument DOT, as DOT."
  (interactive "P")
  (let ((graph (mplp--execute "mplp.showGraph" :uri (mplp--uri) :format (if dot "dot" "mermaid"))))
    (unless (eq (plist-get graph :shown) t)
      (mplp--show-text "*MPLP graph*" (plist-get graph :text)))))

(defun mplp-explain (code)
  "Say why the rule CODE fired in this buffer, and how to repair it.
Interactively, take the code of the finding at point."
  (interactive (list (or (mplp--code-at-point) (read-string "Code of the finding: "))))
  (mplp--show-text "*MPLP explanation*" (plist-get (mplp--execute "mplp.explain" :uri (mplp--uri) :code code) :text)))

(defun mplp--code-at-point ()
  "The code of the finding at point, nil where there is none."
  (seq-some (lambda (found)
              (let ((text (flymake-diagnostic-text found)))
                (and (string-match "\\[\\([a-z-]+\\)\\]" text) (match-string 1 text))))
            (flymake-diagnostics (point))))

(defun mplp-write-back ()
  "Write the statuses of a run that has ended into its plan.
That is an edit, and can be undone."
  (interactive)
  (let ((ended (mplp--status-in "completed" "failed" "cancelled" "interrupted")))
    (mplp--execute "mplp.writeBackStatus" :run (plist-get (mplp--choose-run ended) :run_id))))

(defun mplp-check-all ()
  "Check every document of the project."
  (interactive)
  (let ((found (mplp--execute "mplp.validateWorkspace")))
    (message "MPLP: %d documents: %d errors, %d warnings" (plist-get found :documents)
             (plist-get found :errors) (plist-get found :warnings))))

(defun mplp-snapshot (label)
  "Keep the project's state, graph and files, under LABEL."
  (interactive "sA few words to know it by (optional): ")
  (let ((made (mplp--execute "mplp.createSnapshot" :uri (mplp--uri) :label label)))
    (message "MPLP: snapshot of %d files" (plist-get made :files))))

(defun mplp-restore ()
  "Bring back the project as a snapshot has it, which is asked for."
  (interactive)
  (let* ((kept (append (plist-get (mplp--execute "mplp.restoreSnapshot" :uri (mplp--uri) :list t) :snapshots) nil))
         (named (mapcar (lambda (one)
                          (cons (format "%s %s %s" (plist-get one :captured_at) (plist-get one :label)
                                        (substring (plist-get one :snapshot_id) 0 8))
                                (plist-get one :snapshot_id)))
                        kept)))
    (unless named (user-error "MPLP: this project has no snapshots yet"))
    (let* ((chosen (completing-read "Restore which snapshot? " named nil t))
           (done (mplp--execute "mplp.restoreSnapshot" :uri (mplp--uri) :snapshot (cdr (assoc chosen named)))))
      (message "MPLP: %d files restored, %d could not be" (length (plist-get done :written))
               (length (plist-get done :failed))))))

(defun mplp-drift ()
  "Say which files of the project are not what the graph knows."
  (interactive)
  (let* ((found (mplp--execute "mplp.checkDrift" :uri (mplp--uri)))
         (counts (plist-get found :counts)))
    (message "MPLP: %d added, %d modified, %d deleted" (plist-get counts :added)
             (plist-get counts :modified) (plist-get counts :deleted))))

(defun mplp-propose ()
  "Propose the plan of this buffer for approval."
  (interactive)
  (mplp--execute "mplp.proposePlan" :uri (mplp--uri)))

(defun mplp-approve (reason)
  "Approve the plan of this buffer for REASON, which may be empty."
  (interactive "sWhy (optional)? ")
  (mplp--execute "mplp.approvePlan" :uri (mplp--uri) :reason reason))

(defun mplp-reject (reason)
  "Reject the plan of this buffer for REASON."
  (interactive "sWhy is it rejected? ")
  (mplp--execute "mplp.rejectPlan" :uri (mplp--uri) :reason reason))

(defun mplp-trust ()
  "Let plans run in this project, after a question."
  (interactive)
  (mplp--execute "mplp.trustWorkspace" :uri (mplp--uri)))

(defun mplp-status ()
  "Say which server this is and whether plans may run."
  (interactive)
  (let ((status (mplp--execute "mplp.serverStatus")))
    (message "MPLP %s, %s, %d runs" (plist-get status :version)
             (if (eq (plist-get status :trusted) t) "trusted" "not trusted")
             (length (plist-get status :runs)))))

(provide 'mplp)
;;; mplp.el ends here
