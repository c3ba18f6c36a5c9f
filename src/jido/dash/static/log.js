// A log as it grows: pieces are put behind each other, and what was read stays where it is.

import { el, visible } from "./dom.js";
import { t } from "./words.js";

// Letters that are kept in sight.
const MOST = 600_000;
// Colours and cursor moves of terminals.
const ESCAPES = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\))/g;

let shown = { of: "", box: null, pre: null, seen: new Set(), last: "" };

export function logOf(selector, pieces) {
  if (shown.of !== selector) begin(selector);
  const fresh = pieces.filter(([name]) => !shown.seen.has(name));
  // The first of those there were is gone: the run began its log anew.
  if (shown.seen.size && fresh.length && pieces.every(([name]) => !shown.seen.has(name))) begin(selector);
  if (fresh.length) {
    for (const [name] of fresh) shown.seen.add(name);
    more(fresh.map(([, piece]) => piece.text).join(""));
  }
  shown.box.hidden = shown.seen.size === 0;
  // What stands in the page already is left there: taking it out for a moment would lose its scrolling.
  return shown.box.isConnected ? el("div", { data: { keep: shown.box.dataset.keep } }) : shown.box;
}

/** Whether something of it is in sight, also where the server has nothing to tell now. */
export function hasLog(selector) {
  return shown.of === selector && shown.seen.size > 0;
}

/** Where the page was built anew around it, it takes its place again. */
export function settleLog() {
  const place = shown.box && document.querySelector(`[data-keep="${CSS.escape(shown.box.dataset.keep)}"]`);
  if (place && place !== shown.box) place.replaceWith(shown.box);
}

function begin(selector) {
  const pre = el("pre", { id: "log", tabindex: "0", role: "log", aria: { label: t("log") } });
  const follow = el("label", { class: "follow" }, el("input", { type: "checkbox", id: "follow", checked: true }), " ", t("follow"));
  follow.firstChild.checked = true;
  follow.firstChild.addEventListener("change", () => { if (follow.firstChild.checked) pre.scrollTop = pre.scrollHeight; });
  pre.addEventListener("scroll", () => {
    follow.firstChild.checked = pre.scrollHeight - pre.scrollTop - pre.clientHeight < 24;
  });
  const box = el("div", { class: "log", data: { keep: `log-${selector}` } }, follow, pre);
  shown = { of: selector, box, pre, follow: follow.firstChild, seen: new Set(), last: "" };
}

function more(text) {
  const { pre, follow } = shown;
  // A progress bar writes its line anew behind a carriage return: of each line, what was written last.
  const lines = (shown.last + text).replace(ESCAPES, "").replaceAll("\r\n", "\n").split("\n");
  const told = lines.map((line, at) => at < lines.length - 1 ? line.slice(line.lastIndexOf("\r") + 1) : line);
  shown.last = told.at(-1);
  pre.lastChild?.remove();
  const whole = told.slice(0, -1).map((line) => `${visible(line)}\n`).join("");
  if (whole) pre.append(document.createTextNode(whole));
  const end = shown.last.replace(/\r+$/, "");
  pre.append(document.createTextNode(visible(end.slice(end.lastIndexOf("\r") + 1))));
  let letters = pre.textContent.length;
  while (letters > MOST && pre.childNodes.length > 2) {
    letters -= pre.firstChild.data.length;
    pre.firstChild.remove();
  }
  if (follow.checked) requestAnimationFrame(() => { pre.scrollTop = pre.scrollHeight; });
}
