// Pieces that several views draw.

import { el } from "./dom.js";
import { t, ago, moment, span, stateWord, size } from "./words.js";
import { known } from "./stream.js";
import { problemOf } from "./actions.js";

/** A moment that is told as time passed; the ticking keeps it true. */
export function since(at, key = "") {
  return el("time", { datetime: new Date(at * 1000).toISOString(), title: moment(at), data: { ago: at, key: key || null } }, ago(at));
}

/** A span that still grows. */
function growing(from) {
  return el("span", { data: { since: from } }, span(Date.now() / 1000 - from));
}

export function tick() {
  for (const node of document.querySelectorAll("[data-ago]")) set(node, ago(Number(node.dataset.ago)));
  for (const node of document.querySelectorAll("[data-since]")) set(node, span(Date.now() / 1000 - Number(node.dataset.since)));
}

function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function waited(run) {
  if (!run.submitted) return "";
  const until = run.started ?? run.ended;
  return until ? span(until - run.submitted) : run.is_over ? "" : open(run, run.submitted);
}

export function ran(run) {
  if (!run.started) return "";
  if (run.ended) return span(run.ended - run.started);
  return run.is_over ? "" : open(run, run.started);
}

/** A span that has not ended, as far as anybody knows: it grows only while its cluster is seen. */
function open(run, from) {
  const seen = lastSeen(run);
  if (seen === null) return growing(from);
  return seen ? span(seen - from) : "";
}

/** When a run was last seen, where its cluster is not seen now: 0 where that is not known; null where it is. */
export function lastSeen(run) {
  if (run.settled) return null;
  if (!(known.get("clusters/all") ?? []).some(({ name }) => name === run.cluster)) return 0;
  const row = known.get(`cluster/${run.cluster}`);
  return row?.state === "lost" ? row.good ?? 0 : null;
}

export function unseen(run) {
  const seen = lastSeen(run);
  return seen === null ? null : el("small", {}, seen ? t("as_of", { when: moment(seen) }) : t("as_last_seen"));
}

export function state(row) {
  return el("span", { class: `state ${row.mood ?? ""} s-${row.state.replaceAll(" ", "-")}` }, el("i", { aria: { hidden: "true" } }), stateWord(row.state));
}

/** How a cluster stands, with what can be done about it. */
export function standing(name, whole = false) {
  const row = known.get(`cluster/${name}`);
  if (!row || row.state === "asking") {
    return el("div", { class: "standing asking" }, el("p", {}, t("standing_asking"), row?.good ? [" · ", t("as_of", { when: moment(row.good) })] : ""));
  }
  if (row.state === "good") {
    const [before, after] = t("standing_good").split("{ago}");
    return el("div", { class: "standing good" }, el("p", {}, before, since(row.good), after));
  }
  if (row.state === "unmapped") {
    return el("div", { class: "standing unmapped" }, el("p", {}, t("standing_unmapped"), " ",
      el("button", { type: "button", data: { do: "probe", cluster: name } }, t("map_it"))));
  }
  const said = row.good ? t("standing_lost", { when: moment(row.good) }) : t("standing_lost_never");
  const [before, after] = t("next_try").split("{in}");
  return el("div", { class: "standing lost" },
    el("p", {}, el("b", {}, said), " ", row.next && el("span", { class: "hint" }, before, since(row.next), after), " ",
      el("button", { type: "button", data: { do: "look", cluster: name } }, t("try_now"))),
    row.problem && (whole ? problemOf(row.problem) : el("p", { class: "hint" }, row.problem.what)));
}

/** A table that is a list of cards on a phone (the picture's style sheet does that). */
export function table(heads, rows, { label, kind = "" } = {}) {
  return el("table", { class: kind, role: "table", aria: { label } },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, heads.map((head) => el("th", { role: "columnheader", scope: "col" }, head)))),
    el("tbody", { role: "rowgroup" }, rows.map(({ key, cells, mood }) => el("tr", { role: "row", class: mood ?? null, data: key ? { key } : {} },
      cells.map((cell, at) => at === 0
        ? el("th", { role: "rowheader", scope: "row" }, cell)
        : el("td", { role: "cell", class: empty(cell) ? "none" : null, data: { label: heads[at] } }, empty(cell) ? "–" : cell))))));
}

function empty(cell) {
  return cell === "" || cell === null || cell === undefined || (Array.isArray(cell) && cell.length === 0);
}

export function reason(row) {
  if (!row.reason && !row.plain) return "";
  return [row.plain || row.reason, row.plain && row.plain !== row.reason ? el("small", { lang: "en" }, row.reason) : null];
}

export function runsTable(rows, label) {
  return table([t("col_run"), t("col_state"), t("col_where"), t("col_waited"), t("col_ran"), t("col_why")],
    rows.map((run) => ({
      key: `run-${run.number}`,
      mood: run.mood,
      cells: [
        el("a", { href: `#/r/${run.number}` }, el("span", { class: "number" }, run.number), " ", run.title),
        [state(run), unseen(run)],
        [run.cluster, run.where && el("small", {}, run.where)],
        waited(run),
        ran(run),
        run.waits || run.mood === "bad" ? (reason(run) || (run.code !== null ? `${t("exit_code")} ${run.code}` : "")) : "",
      ],
    })), { label, kind: "runs" });
}

export function facts(rows) {
  return el("dl", { class: "facts columns" }, rows.filter(([, value]) => !empty(value)).map(([label, value]) =>
    el("div", { class: "fact" }, el("dt", {}, label), el("dd", {}, value))));
}

export function command(words, about) {
  const text = words.map(quoted).join(" ");
  return el("li", {}, el("code", {}, text), " ",
    el("button", { type: "button", class: "quiet", data: { do: "copy", text }, aria: { label: `${t("copy")}: ${text}` } }, t("copy")),
    el("span", { class: "hint" }, about));
}

function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${String(word).replaceAll("'", "'\\''")}'`;
}

export function fill(share, label) {
  const bar = el("i", { class: share >= 0.9 ? "full" : null });
  bar.style.width = `${Math.min(100, Math.max(0, share * 100)).toFixed(1)}%`;
  return el("span", { class: "fill", role: "img", aria: { label } }, bar);
}

export function wants(asked) {
  const parts = [];
  if (asked.nodes > 1) parts.push(`${asked.nodes} nodes`);
  if (asked.gpus) parts.push(`${asked.gpus} GPU${asked.gpu_model ? ` (${asked.gpu_model})` : ""}`);
  if (asked.cpus) parts.push(`${asked.cpus} CPU`);
  if (asked.memory) parts.push(size(asked.memory));
  if (asked.time) parts.push(span(asked.time));
  for (const key of ["partition", "qos", "account"]) if (asked[key]) parts.push(asked[key]);
  return parts.join(", ");
}
