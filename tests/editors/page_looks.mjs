// What a person looks at while vscode-driver/features.js plays: one look, and its picture, for each feature that has one.

/** By the name of the feature, in the order in which they are played. */
export function looksOf(page, { until, texts, picture }) {
  return {
    async hover() {
      const card = page.locator(".monaco-hover:not(.hidden) .hover-contents", { hasText: "Build the till" }).first();
      await card.waitFor();
      await picture("hover");
      const text = await card.innerText();
      await page.keyboard.press("Escape");
      return text;
    },
    async completion() {
      const rows = ".suggest-widget.visible .monaco-list-row .label-name";
      const found = await until(() => texts(rows), (shown) => shown.length >= 3);
      await page.waitForTimeout(300); // VS Code takes no Enter for a list that has only just come.
      await picture("completion");
      await page.keyboard.press("Enter");
      return found;
    },
    async outline() {
      const rows = ".outline-tree .monaco-list-row";
      const found = await until(() => texts(rows), (shown) => shown.length >= 5);
      await picture("outline");
      return found;
    },
    async calls() {
      const rows = ".pane-body .monaco-list-row";
      const found = await until(() => texts(rows), (shown) => shown.some((row) => row.includes("Try the till")));
      await picture("calls");
      return found;
    },
    async fileRenamed() {
      const dialog = page.locator(".monaco-dialog-box");
      await dialog.waitFor();
      const text = await dialog.innerText();
      await picture("file-renamed");
      await dialog.getByRole("button", { name: "OK", exact: true }).click();
      return text;
    },
    async actions() {
      const rows = ".action-widget .monaco-list-row";
      const found = await until(() => texts(rows), (shown) => shown.some((row) => row.includes("Sort the steps")));
      await picture("actions");
      await page.keyboard.press("Escape");
      return found;
    },
    async graph() {
      await page.locator(".editor-group-container .tab", { hasText: ".mmd" }).waitFor();
      await picture("graph");
      return texts(".editor-group-container .tab .label-name");
    },
    async explain() {
      const dialog = page.locator(".monaco-dialog-box");
      await dialog.waitFor();
      await picture("explain");
      const text = await dialog.innerText();
      await page.keyboard.press("Escape");
      return text;
    },
    async renameRole() {
      const box = page.locator(".rename-box input.rename-input");
      await box.waitFor();
      const placeholder = await box.inputValue();
      await box.fill("examiner");
      await picture("rename-box");
      await page.keyboard.press("Control+Enter");
      const rows = ".bulk-edit-panel .monaco-list-row";
      const found = await until(() => texts(rows), (shown) => shown.length >= 3);
      await picture("rename-preview");
      await page.getByRole("button", { name: "Apply", exact: true }).first().click();
      return { placeholder, preview: found };
    },
  };
}
