// One run: how it stands and why, what it prints as it does, its curves.

import { el } from "./dom.js";
import { t, moment, count, figure, span } from "./words.js";
import { all, known } from "./stream.js";
import { ask, problemOf, typed } from "./actions.js";
import { command, facts, ran, reason, standing, state, table, unseen, waited, wants } from "./pieces.js";
import { curves } from "./curves.js";
import { hasLog, logOf } from "./log.js";

const answers = new Map();

export function run(selector, redraw) {
  const [number] = selector.split(".");
  const row = known.get(`run/${number}`);
  if (!row) return [el("h1", { tabindex: "-1" }, number), el("p", {}, t(known.size ? "no_run" : "loading"))];
  const lost = ["lost"].includes(known.get(`cluster/${row.cluster}`)?.state);
  return [
    el("p", { class: "crumbs" }, el("a", { href: "#/" }, t("overview")), " / ", el("a", { href: `#/c/${encodeURIComponent(row.cluster)}` }, row.cluster)),
    el("h1", { tabindex: "-1" }, el("span", { class: "number" }, row.number), " ", row.title),
    el("p", { class: "stands" }, state(row), " ", unseen(row), row.waits || row.mood === "bad" ? reason(row) : null),
    lost && standing(row.cluster, true),
    el("p", { class: "buttons" },
      el("button", { type: "button", data: { do: "pull", run: number }, title: t("pull_to", { folder: row.folder }) }, t("pull")),
      !row.tasks && el("a", { class: "button quiet", href: `/runs/${number}/log`, download: `run-${number}.log` }, t("save_log")),
      !row.is_over && el("button", { type: "button", class: "bad", data: { do: "cancel", run: number } }, t("cancel"))),
    facts([
      [t("col_waited"), waited(row)], [t("col_ran"), ran(row)],
      [t("where"), row.where], [t("partition"), row.partition], [t("asked"), wants(row.asked)],
      [t("exit_code"), row.code === null ? "" : String(row.code)], [t("signal"), row.signal ? String(row.signal) : ""],
      [t("project"), row.project], [t("tags"), row.tags.join(" ")],
      [t("submitted"), row.submitted ? moment(row.submitted) : ""], [t("ended"), row.ended ? moment(row.ended) : ""],
      [t("command"), el("code", {}, row.command)], [t("folder_there"), el("code", {}, row.there)],
    ]),
    why(row, redraw),
    row.tasks > 0 && tasks(row, selector),
    el("section", { data: { key: "curves" }, aria: { labelledby: "curves-title" } }, el("h2", { id: "curves-title" }, t("curves")), curves(known.get(`curves/${selector}`))),
    output(row, selector),
    story(row, redraw),
    el("section", { class: "terminal", data: { key: "terminal" } }, el("h2", {}, t("in_terminal")), el("ul", { class: "commands" },
      command(["jido", "logs", "-f", number], t("cmd_follow")),
      !row.is_over && command(["jido", "tunnel", number, "8888"], t("cmd_tunnel")),
      command(["jido", "shell", "--on", row.cluster], t("cmd_shell")))),
  ];
}

function output(row, selector) {
  const peek = known.get(`peek/${selector}`);
  const pieces = all(`log/${selector}/`);
  return el("section", { class: "output", data: { key: "output" }, aria: { labelledby: "log-title" } },
    el("h2", { id: "log-title" }, t("log"), selector.includes(".") ? ` (${t("task")} ${selector.split(".")[1]})` : ""),
    peek?.problem && problemOf(peek.problem),
    pieces[0]?.[1].start > 0 && el("p", { class: "hint" }, t("log_cut")),
    pieces.length === 0 && !peek?.problem && !hasLog(selector) && el("p", { class: "hint" }, row.tasks && !selector.includes(".") ? t("choose_task") : !peek ? t("asking") : t(row.is_over ? "no_log_over" : "no_log")),
    logOf(selector, pieces));
}

function tasks(row, selector) {
  const [number, chosen] = selector.split(".");
  const found = known.get(`tasks/${selector}`);
  const counted = row.counts.map(([one, mood, many]) => el("span", {}, state({ state: one, mood }), ` ${count(many)}`));
  if (!found) return el("section", { data: { key: "tasks" } }, el("h2", {}, t("tasks")), el("p", {}, counted));
  const figures = [...new Set(found.rows.flatMap((task) => Object.keys(task.figures)))].slice(0, 5);
  return el("section", { data: { key: "tasks" }, aria: { labelledby: "tasks-title" } }, el("h2", { id: "tasks-title" }, t("tasks")), el("p", { class: "counts" }, counted),
    row.tasks > found.rows.length && el("p", { class: "hint" }, t("first_tasks", { n: found.rows.length, all: count(row.tasks) })),
    table([t("task"), ...found.names, t("col_state"), t("node"), t("col_ran"), ...figures], found.rows.map((task) => ({
      key: `task-${task.task}`,
      mood: task.mood,
      cells: [
        el("a", { href: `#/r/${number}.${task.task}`, aria: { current: String(task.task) === chosen ? "true" : null } }, task.task),
        ...task.values, state(task), task.node,
        task.started && task.ended ? span(task.ended - task.started) : "",
        ...figures.map((name) => written(task.figures[name])),
      ],
    })), { label: t("tasks"), kind: "tasks" }));
}

function written(value) {
  return typeof value === "number" ? figure(value) : value ?? "";
}

function once(key, path, redraw) {
  if (!answers.has(key)) {
    answers.set(key, null);
    ask(path).then((answer) => { answers.set(key, answer); redraw(); }, () => { answers.delete(key); });
  }
  return answers.get(key);
}

/** Asked of the scheduler once for each state that the run is in. */
function why(row, redraw) {
  if (row.mood === "good") return null;
  const title = t(row.waits ? "why_waits" : row.is_over ? "why_ended" : "why_runs");
  if (row.state === "running" || row.under_way) return null;
  const said = once(`why/${row.number}/${row.state}/${row.reason}`, `/runs/${row.number}/why`, redraw);
  return el("section", { class: "why-part", data: { key: "why" }, aria: { labelledby: "why-title" } }, el("h2", { id: "why-title" }, title),
    !said ? el("p", { class: "hint" }, t("asking")) : said.problem && !said.page ? problemOf(said.problem) : page(said.page));
}

function page(said) {
  return [
    said.intro.map((one) => el("p", {}, typed(one))),
    said.sections.map((part) => [
      el("h3", {}, part.title),
      el("ul", { class: "points" }, part.lines.map((one) => el("li", {}, one.label ? [el("b", {}, one.label), ": "] : null, typed(one.text)))),
    ]),
  ];
}

function story(row, redraw) {
  const said = once(`story/${row.number}/${row.state}/${row.settled}`, `/runs/${row.number}/story`, redraw);
  if (!said?.events?.length) return null;
  return el("details", { class: "story", data: { key: "story" } }, el("summary", {}, el("h2", {}, t("story"))),
    el("ol", {}, said.events.map((event) => el("li", {}, el("time", {}, moment(event.at)), " ", el("b", {}, event.what), " ", el("span", { class: "hint" }, `${t("story_by")}: ${event.by}`)))));
}
