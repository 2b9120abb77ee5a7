;;; eglot.el --- What a user of Emacs does with a plan, played headless -*- lexical-binding: t -*-

;; Loaded by `emacs --batch' with the client of editors/emacs; leaves JSON in the file $MPLP_FACTS.

(dolist (folder (file-expand-wildcards "/usr/share/emacs/site-lisp/elpa/*"))
  (add-to-list 'load-path folder))
(require 'cl-lib)
(require 'json)
(require 'eglot)
(load (expand-file-name "../../editors/emacs/mplp.el" (file-name-directory load-file-name)) nil t)

;; What asks before a fix is applied has another name since Emacs 30.
(defvar eglot-confirm-server-edits)
(defvar mplp-facts nil)
(defvar mplp-limit 60)

(defun mplp-fact (name value)
  (push (cons name value) mplp-facts))

(defun mplp-wait (what ready)
  "Let the server talk until READY answers non-nil; its answer.  An error names WHAT was waited for."
  (let ((deadline (+ (float-time) mplp-limit)) found)
    (while (not (setq found (funcall ready)))
      (when (> (float-time) deadline) (error "Waited in vain for %s" what))
      (accept-process-output nil 0.05))
    found))

(defun mplp-visit (name)
  "Open a file of the project under eglot, as `eglot-ensure' does after the first command."
  (switch-to-buffer (find-file-noselect (expand-file-name name (getenv "MPLP_PROJECT"))))
  (unless (eglot-current-server)
    (let ((eglot-sync-connect mplp-limit)) (apply #'eglot--connect (eglot--guess-contact))))
  (unless (eglot-managed-p) (eglot--maybe-activate-editing-mode))
  (flymake-start))

(defun mplp-at (text)
  (goto-char (point-min))
  (search-forward text))

(defun mplp-problems ()
  (mapcar (lambda (found)
            (list (cons 'text (flymake-diagnostic-text found))
                  (cons 'at (buffer-substring-no-properties (flymake-diagnostic-beg found)
                                                            (flymake-diagnostic-end found)))))
          (flymake-diagnostics)))

(defun mplp-choose (&rest words)
  "An answer for `completing-read': the first choice that holds one of WORDS."
  (lambda (_prompt choices &rest _)
    (let ((names (all-completions "" choices)))
      (or (cl-some (lambda (word) (cl-find-if (lambda (name) (string-search word name)) names)) words)
          (error "None of %S in %S" words names)))))

(defun mplp-play ()
  (mplp-visit "broken.plan.json")
  (mplp-wait "the findings" (lambda () (>= (length (flymake-diagnostics)) 3)))
  (mplp-fact 'problems (vconcat (mplp-problems)))
  (mplp-at "7b1d2c3e-0000")
  (let (shown)
    (eglot-hover-eldoc-function (lambda (text &rest _) (setq shown text)))
    (mplp-fact 'hover (substring-no-properties (mplp-wait "the hover" (lambda () shown)))))
  (mplp-at "\"pend")
  (pcase-let* ((`(,start ,end ,table . ,rest) (eglot-completion-at-point))
               (names (all-completions "" table)))
    (mplp-fact 'completions (vconcat (mapcar #'substring-no-properties names)))
    (mplp-fact 'replaced (buffer-substring-no-properties start end))
    (let ((chosen (cl-find-if (lambda (name) (string-search "pending" name)) names)))
      (goto-char end)
      (delete-region start end)
      (insert chosen)
      (funcall (plist-get rest :exit-function) chosen 'finished)))
  (mplp-fact 'completed (buffer-substring-no-properties (line-beginning-position) (line-end-position)))
  (mplp-wait "the finding to go"
             (lambda () (not (cl-some (lambda (found) (string-search "pendng" (cdar found))) (mplp-problems)))))
  (mplp-at "7b1d2c3e-0000-4000-8000-0000000000ff")
  (let ((eglot-confirm-server-initiated-edits nil) (eglot-confirm-server-edits nil))
    (cl-letf (((symbol-function 'completing-read) (mplp-choose "Remove this dependency")))
      (eglot-code-actions (point) (point) "quickfix" t)))
  (mplp-wait "the fix" (lambda () (not (string-search "0000000000ff" (buffer-string)))))
  (mplp-fact 'fixed (json-parse-string (buffer-string)))
  (set-buffer-modified-p nil)
  (mplp-visit "release.plan.json")
  (cl-letf (((symbol-function 'completing-read) (mplp-choose "Trust" "trust")))
    (mplp-trust))
  (mplp-run t)
  (mplp-fact 'run (mplp-wait "the run"
                             (lambda ()
                               (let ((run (seq-first (plist-get (mplp--execute "mplp.serverStatus") :runs))))
                                 (and (member (plist-get run :status) '("completed" "failed" "cancelled"))
                                      (plist-get run :status))))))
  (mplp-graph)
  (mplp-fact 'graph (with-current-buffer "*MPLP graph*" (buffer-string)))
  (eglot-shutdown (eglot-current-server) nil 20))

(condition-case problem
    (mplp-play)
  (error (mplp-fact 'error (format "%S" problem))))
(with-temp-file (getenv "MPLP_FACTS") (insert (json-serialize mplp-facts)))
(kill-emacs 0)
;;; eglot.el ends here
