// What the page asks the server to do, and how that goes.

import { el, children } from "./dom.js";
import { t, size } from "./words.js";
import { known, all, line } from "./stream.js";

const hand = document.querySelector("meta[name=jido-token]").content;
const begun = new Set();
const closed = new Set();
const waiting = new Map();

export async function ask(path) {
  const answer = await fetch(path, { headers: { accept: "application/json" } });
  return answer.json();
}

export async function post(path, body = {}) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", "x-jido-token": hand },
      body: JSON.stringify(body),
    });
    return (answer.headers.get("content-type") ?? "").startsWith("application/json")
      ? await answer.json()
      : { problem: { what: await answer.text() } };
  } catch (error) {
    return { problem: { what: t("failed"), cause: String(error) } };
  }
}

/** Begin a deed; resolves with its last row. Twice the same name is one deed, so a second try does no harm. */
export async function deed(path, body = {}) {
  const name = crypto.randomUUID();
  begun.add(name);
  const ended = new Promise((resolve) => waiting.set(name, resolve));
  const answer = await post(path, { ...body, deed: name });
  if (answer.problem) {
    waiting.delete(name);
    return { state: "failed", problem: answer.problem };
  }
  settle();
  return ended;
}

export function settle() {
  for (const [name, row] of all("deed/")) {
    if (row.state !== "doing" && waiting.has(name)) {
      waiting.get(name)(row);
      waiting.delete(name);
    }
  }
}

export function problemOf(problem) {
  return el("div", { class: "problem" },
    el("p", {}, el("b", {}, problem.what)),
    problem.cause && el("p", {}, `${t("cause")}: `, problem.cause),
    problem.hint && el("p", {}, `${t("hint")}: `, problem.hint.startsWith("jido ") ? el("code", {}, problem.hint) : typed(problem.hint)));
}

/** What stands between backticks is typed. */
export function typed(text) {
  return text.split("`").map((part, at) => (at % 2 ? el("code", {}, part) : part));
}

/** The deeds of this tab, at the page's edge. */
export function drawDeeds() {
  settle();
  const rows = all("deed/").filter(([name, row]) => begun.has(name) && !closed.has(name) && !spoken(row));
  children(document.getElementById("deeds"), rows.slice(-4).map(([name, row]) => {
    if (row.state === "done") setTimeout(() => { closed.add(name); drawDeeds(); }, 12_000);
    return el("article", { class: `deed ${row.state}`, data: { key: name } },
      el("p", { class: "about" }, el("b", {}, t(`deed_${row.kind}`, { about: row.about })), " ",
        el("span", { class: "hint" }, t(row.state === "doing" ? "doing" : row.state))),
      row.state === "doing" && row.says.length > 0 && el("p", {}, row.says.at(-1)),
      row.problem && problemOf(row.problem),
      row.result && outcome(row),
      el("button", { class: "quiet", type: "button", data: { do: "close", deed: name } }, t("close")));
  }));
}

/** Whether the page itself shows what became of it: the preview's text, the run that was gone to. */
function spoken(row) {
  return row.kind === "preview" || (row.kind === "submit" && row.state === "done");
}

function outcome(row) {
  const got = row.result;
  if (row.kind === "pull") {
    return el("p", {}, got.files ? t("pulled", { files: got.files, bytes: size(got.bytes), into: got.into }) : t("pulled_nothing"),
      got.left.length > 0 && el("span", { class: "hint" }, ` ${t("left_alone", { names: got.left.join(", ") })}`));
  }
  return null;
}

/** A question with two answers; resolves with whether it is yes. */
export function confirm(what, more, yes, no) {
  const dialog = document.getElementById("ask");
  dialog.replaceChildren(el("h2", { id: "ask-what" }, what), el("p", {}, more),
    el("p", { class: "buttons" },
      el("button", { type: "button", value: "no", autofocus: true }, no),
      el("button", { type: "button", value: "yes", class: "bad" }, yes)));
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclick = (event) => { if (event.target.value) dialog.close(event.target.value); };
    dialog.onclose = () => resolve(dialog.returnValue === "yes");
  });
}

const did = {
  async cancel({ run }) {
    const row = known.get(`run/${run}`);
    const sure = await confirm(t("cancel_ask", { n: run, title: row.title }), t("cancel_more"), t("cancel"), t("keep"));
    if (sure) report(await deed(`/runs/${run}/cancel`));
  },
  async pull({ run }) { report(await deed(`/runs/${run}/pull`)); },
  async probe({ cluster }) { report(await deed(`/clusters/${encodeURIComponent(cluster)}/probe`)); },
  async look({ cluster }) { await post(`/clusters/${encodeURIComponent(cluster)}/look`); },
  async close({ deed: name }) { closed.add(name); drawDeeds(); },
  async copy({ text }, button) {
    await navigator.clipboard.writeText(text);
    const before = button.textContent;
    button.textContent = t("copied");
    setTimeout(() => { button.textContent = before; }, 1_500);
  },
};

function report(row) {
  if (!row.problem || row.id) return;
  // It never began, so no row of the server's tells of it.
  const name = `here-${begun.size}`;
  begun.add(name);
  known.set(`deed/${name}`, { kind: "cancel", about: "", says: [], ...row });
  drawDeeds();
}

/** One listener for every button that says what it does. */
export function act() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-do]");
    if (!button || !(button.dataset.do in did)) return;
    event.preventDefault();
    if (button.disabled || (line.state !== "open" && !["close", "copy"].includes(button.dataset.do))) return;
    button.disabled = true;
    try { await did[button.dataset.do]({ ...button.dataset }, button); } finally { button.disabled = false; }
  });
}
