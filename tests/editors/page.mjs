// The person in front of VS Code: opens the page in headless Chromium, types, clicks, and takes screenshots.
// Usage: node page.mjs URL MEETING_FOLDER SCREENSHOT_FOLDER SCENARIO
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import { looksOf } from "./page_looks.mjs";

const [url, meeting, pictures, scenario] = process.argv.slice(2);
const { chromium } = createRequire(process.env.MPLP_PLAYWRIGHT)("playwright-core");
const seen = {};

const browser = await chromium.launch({
  executablePath: process.env.MPLP_CHROMIUM,
  headless: true,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
page.setDefaultTimeout(60_000); // A busy machine is no finding.
try {
  // The first page compiles for as long as the machine is busy with other things.
  await page.goto(url, { waitUntil: "domcontentloaded", timeout: 150_000 });
  await { trusted, untrusted }[scenario]();
  await drivenTo("facts.json", 150);
} catch (error) {
  seen.error = `${error.stack ?? error}`;
  await picture("error").catch(() => undefined);
  process.exitCode = 1;
} finally {
  fs.writeFileSync(path.join(meeting, "seen.json"), JSON.stringify(seen, null, 2));
  await browser.close();
}

async function trusted() {
  await turn("problems", async () => {
    await page.waitForSelector(".squiggly-error");
    await page.waitForSelector(".markers-panel .monaco-list-row");
    seen.squiggles = await page.locator(".squiggly-error").count();
    seen.problemRows = await texts(".markers-panel .monaco-list-row");
  });
  await driver("palette");
  await palette("MPLP");
  const names = () => texts(".quick-input-list .monaco-list-row .label-name");
  const first = await names();
  await picture("palette");
  // The list draws only what is in view; one up from the first is the last.
  await page.keyboard.press("ArrowUp");
  await page.waitForFunction(
    () => Number(document.querySelector(".quick-input-list .monaco-list-row.focused")?.getAttribute("data-index")) > 0,
  );
  seen.palette = [...first, ...(await names())];
  await page.keyboard.press("ArrowDown");
  await page.keyboard.type(": Run plan");
  await focused("MPLP: Run plan");
  await page.keyboard.press("Enter");
  await turn("running", async () => {
    await page.waitForSelector(".codelens-decoration");
    seen.lensesWhileRunning = await texts(".codelens-decoration");
    seen.progress = await until(
      () => texts(".notification-toast .notification-list-item-message"),
      (found) => found.length > 0,
    );
    seen.statusBarWhileRunning = await texts(".statusbar-item[id='mplp-lsp.mplp.mplp.run'] .statusbar-item-label");
  });
  await turn("trace", noNotification);
  await turn("document", () => page.waitForSelector(".editor-group-container:nth-child(1)"));
  await turn("failure", async () => {
    await page.waitForSelector(".squiggly-error");
    await noNotification();
  });
  await driver("approval");
  seen.offer = await notification("Approve and run");
  await picture("approval");
  await page.getByRole("button", { name: "Approve and run", exact: true }).click();
  done("approval");
  await turn("question", () =>
    page.waitForFunction(() => document.querySelector(".statusbar")?.textContent.includes("waiting for you")),
  );
  await driver("answer");
  await palette("MPLP: Answer what");
  await page.keyboard.press("Enter");
  seen.answers = await choices("Done");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".quick-input-message:has-text('What came out of it?')");
  await page.keyboard.type("read and agreed");
  await page.keyboard.press("Enter");
  await turn("answered", () =>
    page.waitForFunction(() => !document.querySelector(".statusbar")?.textContent.includes("waiting for you")),
  );
  await driver("resume");
  await palette("MPLP: Resume run");
  await page.keyboard.press("Enter");
  seen.repeat = await choices("Run it again");
  await picture("resume");
  await page.keyboard.type("Run it");
  await focused("Run it");
  await page.keyboard.press("Enter");
}

async function untrusted() {
  await driver("refusal");
  await palette("MPLP: Run plan");
  await page.keyboard.press("Enter");
  seen.refusal = await notification("Trust");
  await picture("refusal");
  done("refusal");
  await driver("trust");
  await page.getByRole("button", { name: "Trust", exact: true }).first().click();
  await page.waitForSelector(".workspace-trust-editor");
  await picture("trust-editor");
  await page.locator(".workspace-trust-editor .monaco-button", { hasText: /^Trust$/ }).first().click();
  done("trust");
  await features();
}

/** What an author sees of each feature, in the order of vscode-driver/features.js. A look that fails is kept with its
 * picture and does not hide the others. */
async function features() {
  seen.failures = {};
  const keep = (name) => picture(name, "author");
  for (const [name, look] of Object.entries(looksOf(page, { until, texts, picture: keep }))) {
    await driver(`look-${name}`);
    try {
      seen[name] = await look();
    } catch (error) {
      seen.failures[name] = `${error.stack ?? error}`;
      await keep(`${name}-error`);
      await page.keyboard.press("Escape");
    }
    done(`look-${name}`);
  }
}

function noNotification() {
  return until(() => page.locator(".notification-toast").count(), (count) => count === 0);
}

async function palette(text) {
  // The tab, not the text: a click there is never taken for something else, and leaves the cursor where it is.
  await page.locator(".editor-group-container.active .tab.active").click();
  await page.keyboard.press("F1");
  await page.waitForSelector(".quick-input-widget:not([style*='display: none']) input");
  await page.keyboard.type(text);
  await focused(text);
}

/** The list has caught up with what was typed: until then Enter would take what it had at the top before. */
async function focused(start) {
  await page.waitForFunction(
    (text) => document.querySelector(".quick-input-list .monaco-list-row.focused")?.textContent.startsWith(text),
    start,
  );
}

/** What a list to choose from offers, once `one` is among it. */
async function choices(one) {
  const names = () => texts(".quick-input-list .quick-input-list-row:first-child .label-name");
  // The list draws its rows one after another: it is whole when it stays as it is.
  let before = "";
  return until(names, (found) => {
    const isWhole = found.includes(one) && found.join() === before;
    before = found.join();
    return isWhole;
  });
}

/** The text of the notification that has this button. */
async function notification(button) {
  const toast = page.locator(".notification-toast", { has: page.getByRole("button", { name: button, exact: true }) }).first();
  await toast.waitFor();
  return {
    message: await toast.locator(".notification-list-item-message").innerText(),
    buttons: await toast.locator(".notification-list-item-buttons-container .monaco-text-button").allInnerTexts(),
  };
}

function texts(selector) {
  return page.locator(selector).allInnerTexts();
}

async function picture(name, session = scenario) {
  // Notifications fade in; the picture shows them as they end up.
  await page.screenshot({ path: path.join(pictures, `vscode-${session}-${name}.png`), animations: "disabled" });
}

/** The driver has come to `name`: look, take the picture, and let it go on. */
async function turn(name, look) {
  await driver(name);
  await look();
  await picture(name);
  done(name);
}

function driver(name) {
  return drivenTo(`driver-${name}`, 150);
}

async function drivenTo(file, limit_s) {
  await until(
    async () => (fs.existsSync(path.join(meeting, file)) ? "here" : fs.existsSync(path.join(meeting, "facts.json")) ? "ended" : ""),
    (state) => {
      if (state === "ended") throw new Error(`the driver ended before ${file}`);
      return state === "here";
    },
    limit_s,
  );
}

function done(name) {
  fs.writeFileSync(path.join(meeting, `page-${name}`), "");
}

async function until(look, isEnough, limit_s = 60) {
  const end = Date.now() + limit_s * 1000;
  let state;
  do {
    state = await look();
    if (isEnough(state)) {
      return state;
    }
    await page.waitForTimeout(50);
  } while (Date.now() < end);
  throw new Error(`not within ${limit_s} s; last seen: ${JSON.stringify(state)}`);
}
