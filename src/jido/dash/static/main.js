// The page: which view is in sight, drawn anew whenever something changed.

import { children, el } from "./dom.js";
import { t, moment } from "./words.js";
import * as stream from "./stream.js";
import { act, drawDeeds } from "./actions.js";
import { tick } from "./pieces.js";
import * as overview from "./home.js";
import { cluster, jump } from "./cluster.js";
import { run } from "./run.js";
import { settleLog } from "./log.js";
import * as form from "./fresh.js";

const main = document.getElementById("main");
let place = null;
let wanted = "";
let queued = false;

function where() {
  const [, kind = "", name = "", part = ""] = location.hash.split("/");
  return { kind, name: decoded(name), part };
}

function decoded(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

function redraw() {
  if (queued) return;
  queued = true;
  // Not requestAnimationFrame: a page that nobody sees is not drawn, and would be old when it is looked at.
  setTimeout(() => { queued = false; draw(); }, 16);
}

function draw() {
  const { kind, name } = place;
  const views = {
    "": () => overview.home(),
    c: () => cluster(name, redraw),
    r: () => run(name, redraw),
    new: () => form.fresh(redraw),
  };
  const nodes = (views[kind] ?? (() => [el("h1", { tabindex: "-1" }, t("not_found"))]))();
  children(main, nodes.flat(Infinity).filter((one) => one instanceof Node));
  settleLog();
  drawStops();
  drawLine();
  drawDeeds();
  const title = main.querySelector("h1")?.textContent ?? "";
  document.title = kind === "" ? "jido" : `${title} · jido`;
  if (wanted && jump(wanted)) wanted = "";
}

function drawStops() {
  const rows = stream.known.get("clusters/all") ?? [];
  children(document.getElementById("clusters"), rows.map(({ name }) => {
    const state = stream.known.get(`cluster/${name}`)?.state ?? "asking";
    const here = place.kind === "c" && place.name === name;
    const word = { lost: t("standing_lost_never"), unmapped: t("standing_unmapped") }[state];
    return el("li", { class: state, data: { key: name } },
      el("a", { href: `#/c/${encodeURIComponent(name)}`, aria: { current: here ? "page" : null } },
        el("i", { aria: { hidden: "true" } }), name, word && el("span", { class: "sr" }, ` (${word.split(/[.,]/)[0]})`)));
  }));
}

function drawLine() {
  const bar = document.getElementById("line");
  const bad = stream.line.state === "lost" || stream.line.state === "gone";
  const text = bad ? t(stream.line.state === "gone" ? "server_gone" : "server_lost", { when: moment(stream.line.heard) }) : "";
  if (bar.textContent !== text) bar.textContent = text;
  bar.hidden = !bad;
  document.body.classList.toggle("cut", bad);
}

function go() {
  if (location.hash && !location.hash.startsWith("#/")) return;
  const before = place;
  place = where();
  stream.look(place.kind === "c" ? place.name : "", place.kind === "r" ? place.name : "");
  wanted = place.part;
  const moved = before && (before.kind !== place.kind || before.name !== place.name);
  if (moved) form.leave();
  draw();
  if (moved && !wanted) {
    scrollTo(0, 0);
    main.querySelector("h1")?.focus({ preventScroll: true });
  }
}

addEventListener("hashchange", go);
act();
overview.listen(redraw);
form.listen(redraw, (hash) => { location.hash = hash; });
stream.listen(redraw);
setInterval(tick, 1_000);
go();
