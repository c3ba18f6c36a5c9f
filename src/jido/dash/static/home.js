// All clusters and my runs.

import { el } from "./dom.js";
import { t } from "./words.js";
import { all, known } from "./stream.js";
import { fill, runsTable, standing } from "./pieces.js";

let everything = false;

export function listen(redraw) {
  document.addEventListener("click", (event) => {
    if (event.target.id !== "which-runs") return;
    everything = !everything;
    redraw();
  });
}

export function home() {
  const clusters = known.get("clusters/all") ?? [];
  return [
    el("h1", { tabindex: "-1" }, t("overview")),
    clusters.length === 0 && el("p", {}, t("no_clusters"), " ", el("code", {}, "jido add aurora u123@login.example.edu")),
    el("ul", { class: "cards" }, clusters.map(({ name, address }) => card(name, address))),
    runs(),
  ];
}

function card(name, address) {
  const what = known.get(`what/${name}`);
  return el("li", { class: "card", data: { key: `card-${name}` } },
    el("h2", {}, el("a", { href: `#/c/${encodeURIComponent(name)}` }, name)),
    el("p", { class: "hint" }, what?.purpose || address),
    standing(name),
    what && el("dl", { class: "figures small" },
      pair(what.queue.running, t("mine_running")), pair(what.queue.waiting, t("mine_waiting"))),
    what && gpus(what.gpus));
}

function pair(number, label) {
  return el("div", {}, el("dd", {}, number), el("dt", {}, label));
}

function gpus(kinds) {
  if (!kinds.length) return el("p", { class: "hint" }, t("no_gpus"));
  return el("ul", { class: "kinds" }, kinds.map((kind) => {
    const said = t("now_usable", { n: kind.usable, all: kind.all, model: kind.model || "GPU" });
    return el("li", {}, fill(kind.all ? kind.usable / kind.all : 0, said), el("span", { aria: { hidden: "true" } }, said),
      kind.free !== kind.usable && el("span", { class: "hint" }, ` · ${t("now_free", { n: kind.free })}`));
  }));
}

const DAY = 86400;

function runs() {
  const rows = all("run/").map(([, row]) => row).sort((one, other) => other.number - one.number);
  const now = Date.now() / 1000;
  const recent = rows.filter((row) => !row.is_over || (row.ended ?? row.intended) + DAY > now);
  const shown = everything ? rows : recent;
  const button = el("button", { type: "button", class: "quiet", id: "which-runs" }, t(everything ? "recent_runs" : "all_runs"));
  return el("section", { class: "runs-part", aria: { labelledby: "runs-title" } },
    el("h2", { id: "runs-title" }, t("runs")),
    shown.length ? runsTable(shown, t("runs")) : el("p", { class: "hint" }, t(rows.length ? "no_open_runs" : "no_runs")),
    rows.length > recent.length && el("p", {}, button));
}
