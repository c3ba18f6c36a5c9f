// One cluster under its four viewpoints, live.

import { el } from "./dom.js";
import { t, count, moment, size } from "./words.js";
import { known } from "./stream.js";
import { ask, problemOf } from "./actions.js";
import { command, fill, reason, standing, state, table } from "./pieces.js";

const VIEWS = ["type", "instance", "scheduling", "storage"];
const drawn = new Map();
let asking = "";

export function cluster(name, redraw) {
  const address = (known.get("clusters/all") ?? []).find((row) => row.name === name)?.address;
  if (address === undefined) return [el("h1", { tabindex: "-1" }, name), el("p", {}, t("not_found"))];
  const map = known.get(`map/${name}`);
  fetchMap(name, map, redraw);
  const picture = drawn.get(name);
  const base = `#/c/${encodeURIComponent(name)}`;
  return [
    el("h1", { tabindex: "-1" }, name),
    address && address !== name && el("p", { class: "hint" }, address),
    standing(name, true),
    picture?.html && el("nav", { class: "views", aria: { label: t("views") } }, el("ul", {}, VIEWS.map((view) =>
      el("li", {}, el("a", { href: `${base}/${view}` }, t(`view_${view}`)))))),
    el("p", { class: "buttons" },
      el("button", { type: "button", data: { do: "look", cluster: name } }, t("look_now")),
      el("button", { type: "button", class: "quiet", data: { do: "probe", cluster: name } }, t("map_anew"))),
    picture?.problem ? [problemOf(picture.problem), el("p", {}, t("no_map"))] : null,
    picture?.html ? sections(name, picture.html) : el("p", { class: "hint" }, map ? t("loading") : t("no_map")),
    el("section", { class: "terminal", data: { key: "terminal" } }, el("h2", {}, t("in_terminal")), el("ul", { class: "commands" },
      command(["jido", "shell", "--on", name], t("cmd_shell")),
      name !== "local" && command(["jido", "login", name], t("cmd_login")),
      name !== "local" && command(["jido", "code", name], t("cmd_code")))),
  ];
}

async function fetchMap(name, map, redraw) {
  const version = map?.is;
  if (!version || drawn.get(name)?.is === version || asking === name + version) return;
  asking = name + version;
  try {
    drawn.set(name, { is: version, ...await ask(`/clusters/${encodeURIComponent(name)}/map`) });
    redraw();
  } finally {
    asking = "";
  }
}

/** The drawn map, with what is live put into its sections. */
function sections(name, html) {
  const parsed = new DOMParser().parseFromString(`<body>${html}</body>`, "text/html");
  for (const node of parsed.querySelectorAll("script, iframe, link, style, object, embed")) node.remove();
  const parts = [...parsed.body.children].map((node) => document.importNode(node, true));
  for (const node of parts.flatMap((part) => [...part.querySelectorAll("[data-style]")])) {
    for (const one of node.dataset.style.split(";")) {
      const [property, value] = one.split(":").map((word) => word.trim());
      if (["width", "flex-grow"].includes(property)) node.style.setProperty(property, value);
    }
    delete node.dataset.style;
  }
  const into = (id, ...more) => parts.find((part) => part.id === id)?.append(...more.flat().filter(Boolean));
  into("scheduling", queue(name));
  into("storage", quotas(name), datasets(name));
  return el("div", { class: "viewpoints", data: { key: "viewpoints" } }, parts);
}

function queue(name) {
  const found = known.get(`queue/${name}`);
  const body = !found || !found.known ? el("p", { class: "hint" }, t("queue_unknown"))
    : !found.jobs.length ? el("p", { class: "hint" }, t("queue_empty"))
    : table([t("col_job"), t("col_state"), t("col_partition"), t("col_wants"), t("col_why")], found.jobs.map((job) => ({
      key: `job-${job.id}`,
      cells: [
        job.run ? el("a", { href: `#/r/${job.run}` }, job.id, " ", job.name) : [job.id, " ", job.name],
        [state(job), job.on && el("small", {}, job.on)],
        job.partition,
        [job.gpus ? `${job.gpus} GPU` : null, job.gpus && job.cpus ? ", " : null, job.cpus ? `${job.cpus} CPU` : null].filter(Boolean),
        reason(job),
      ],
    })), { label: t("my_queue"), kind: "jobs" });
  return [el("h3", {}, t("my_queue")), body];
}

function quotas(name) {
  const found = known.get(`space/${name}`);
  const rows = (found?.disks ?? []).filter((disk) => disk.mine !== null || disk.limit !== null || disk.warnings.length);
  if (!rows.length) return [];
  return [
    el("h3", {}, t("quotas"), " ", el("small", {}, t("as_of", { when: moment(found.at) }))),
    table([t("col_volume"), t("col_mine"), t("col_limit"), t("col_files"), t("col_free")], rows.map((disk) => ({
      key: `disk-${disk.path}`,
      mood: disk.share >= 0.9 || disk.warnings.length ? "bad" : null,
      cells: [
        [disk.path, disk.tier && el("small", {}, disk.tier)],
        [size(disk.mine), disk.share !== null && fill(disk.share, `${Math.round(disk.share * 100)}%`),
          disk.warnings.map((one) => el("small", { class: "bad", lang: "en" }, one)),
          disk.parts.length > 0 && el("details", {}, el("summary", {}, t("what_fills")),
            el("ul", {}, disk.parts.map(([part, bytes]) => el("li", {}, size(bytes), " ", part))))],
        disk.limit !== null ? size(disk.limit) : disk.quota === "unknown" ? t("not_known") : t("no_limit"),
        disk.files === null ? "" : [count(disk.files), disk.files_limit && ` / ${count(disk.files_limit)}`],
        disk.free === null ? "" : size(disk.free),
      ],
    })), { label: t("quotas"), kind: "quotas" }),
  ];
}

function datasets(name) {
  const found = known.get(`data/${name}`);
  if (!found) return [];
  const body = !found.sets.length ? el("p", { class: "hint" }, t("no_datasets"))
    : table([t("col_name"), t("col_size"), t("col_files"), t("col_copies")], found.sets.map((one) => ({
      key: `data-${one.name}`,
      cells: [
        one.name, size(one.size), one.files === null ? "" : count(one.files),
        one.nodes.length ? el("span", { class: "tags" }, one.nodes.map(({ node, place }) => el("span", { class: "tag", title: place }, node)))
          : el("span", { class: "hint" }, t("no_copies")),
      ],
    })), { label: t("datasets"), kind: "datasets" });
  return [el("h3", {}, t("datasets")), body];
}

/** Go to a viewpoint. */
export function jump(view) {
  const title = VIEWS.includes(view) && document.getElementById(`${view}-title`);
  if (!title) return false;
  title.scrollIntoView();
  title.focus({ preventScroll: true });
  return true;
}

