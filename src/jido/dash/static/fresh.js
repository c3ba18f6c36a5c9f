// A new run, from a job of jido.toml or a command.

import { el } from "./dom.js";
import { t } from "./words.js";
import { ask, deed, problemOf } from "./actions.js";

const FIELDS = ["gpus", "cpus", "memory", "time", "nodes", "partition"];
let offered = null;
let asking = false;
let chosen = { project: "", job: null };
let said = null;
let busy = false;

export function leave() {
  offered = null;
  said = null;
}

export function fresh(redraw) {
  if (!offered) {
    if (!asking) {
      asking = true;
      ask("/projects").then((answer) => { offered = answer; asking = false; redraw(); }, () => { asking = false; });
    }
    return [el("h1", { tabindex: "-1" }, t("new")), el("p", { class: "hint" }, t("loading"))];
  }
  const projects = offered.projects.filter((one) => one.folder);
  const broken = offered.projects.filter((one) => one.problem);
  if (!projects.length) return [el("h1", { tabindex: "-1" }, t("new")), el("p", {}, t("form_none")), broken.map((one) => problemOf(one.problem))];
  const project = projects.find((one) => one.folder === chosen.project) ?? projects[0];
  const names = project.jobs.map((job) => job.name);
  const job = chosen.job === "" ? undefined : project.jobs.find((one) => one.name === chosen.job) ?? project.jobs[0];
  return [
    el("h1", { tabindex: "-1" }, t("new")),
    broken.map((one) => problemOf(one.problem)),
    el("form", { id: "fresh", autocomplete: "off", data: { key: `form-${project.folder}-${job?.name ?? ""}` } },
      choice("project", t("form_project"), projects.map((one) => [one.folder, one.name, one.folder]), project.folder),
      choice("job", t("form_job"), [...names.map((name) => [name, name]), ["", t("form_bare")]], job?.name ?? ""),
      el("div", { class: "field wide" }, el("label", { for: "f-command" }, t("form_command")),
        el("textarea", { id: "f-command", name: "command", rows: "3", spellcheck: "false", placeholder: job?.command ?? "python train.py",
          required: !job, aria: { describedby: "f-command-hint" } }),
        el("p", { class: "hint", id: "f-command-hint" }, t("form_command_hint"))),
      choice("on", t("form_on"), [["", [t("form_on_auto"), job?.cluster || project.cluster].filter(Boolean).join(": ")], ...offered.clusters.map((name) => [name, name])], ""),
      input("name", t("form_name"), job?.name ?? ""),
      FIELDS.map((name) => input(name, t(`form_${name}`), job?.[name] ?? "")),
      el("p", { class: "hint wide" }, t("form_hint")),
      el("p", { class: "buttons wide" },
        el("button", { type: "submit", value: "submit", class: "strong", disabled: busy }, t("form_submit")),
        el("button", { type: "submit", value: "preview", disabled: busy }, t("form_preview")))),
    el("div", { id: "said", tabindex: "-1", aria: { live: "polite" } },
      busy && el("p", { class: "hint" }, t("doing"), " ..."),
      said?.problem && problemOf(said.problem),
      said?.result?.text && [el("p", { class: "hint" }, t("form_shown")), el("pre", { tabindex: "0", class: "preview" }, said.result.text)]),
  ];
}

function choice(name, label, options, value) {
  return el("div", { class: "field" }, el("label", { for: `f-${name}` }, label),
    el("select", { id: `f-${name}`, name }, options.map(([one, text, title]) =>
      el("option", { value: one, title, selected: one === value }, text))));
}

function input(name, label, placeholder) {
  const numeric = ["gpus", "cpus", "nodes"].includes(name);
  return el("div", { class: "field" }, el("label", { for: `f-${name}` }, label),
    el("input", { id: `f-${name}`, name, placeholder, inputmode: numeric ? "numeric" : null, pattern: numeric ? "[0-9]*" : null, spellcheck: "false" }));
}

export function listen(redraw, go) {
  document.addEventListener("change", (event) => {
    if (event.target.form?.id !== "fresh") return;
    if (event.target.name === "project") chosen = { project: event.target.value, job: null };
    else if (event.target.name === "job") chosen = { ...chosen, job: event.target.value };
    else return;
    said = null;
    redraw();
    document.getElementById(event.target.id)?.focus();
  });
  document.addEventListener("submit", async (event) => {
    if (event.target.id !== "fresh") return;
    event.preventDefault();
    if (busy) return;
    const form = Object.fromEntries(new FormData(event.target));
    const verb = event.submitter?.value ?? "submit";
    busy = true;
    said = null;
    redraw();
    said = await deed(`/runs/${verb}`, form);
    busy = false;
    if (verb === "submit" && said.result) {
      const { run } = said.result;
      said = null;
      go(`#/r/${run}`);
      return;
    }
    redraw();
    document.getElementById("said")?.focus();
  });
}
