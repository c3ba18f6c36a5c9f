// Curves as drawings: one for each thing that was measured, its groups over each other.

import { el, svg } from "./dom.js";
import { t, figure, count } from "./words.js";

const WIDE = 320, HIGH = 150, LEFT = 54, BELOW = 20, ABOVE = 8, RIGHT = 8;
const COLOURS = 6;

export function curves(found) {
  if (!found?.length) return el("p", { class: "hint" }, t("no_curves"));
  const byName = new Map();
  for (const curve of found) byName.set(curve.name, [...(byName.get(curve.name) ?? []), curve]);
  const groups = [...new Set(found.map((curve) => curve.group))].sort();
  return el("div", { class: "curves" }, [...byName].map(([name, rows]) => drawing(name, rows, groups)));
}

function drawing(name, rows, groups) {
  const points = rows.flatMap((row) => row.points);
  const [low, high] = extent(points.map(([, value]) => value));
  const [from, to] = extent(points.map(([step]) => step));
  const [bottom, top] = low === high ? [low - (Math.abs(low) / 2 || 1), high + (Math.abs(high) / 2 || 1)] : [low, high];
  const [begin, end] = from === to ? [from - 0.5, to + 0.5] : [from, to];
  const x = (step) => LEFT + ((step - begin) / (end - begin)) * (WIDE - LEFT - RIGHT);
  const y = (value) => HIGH - BELOW - ((value - bottom) / (top - bottom)) * (HIGH - BELOW - ABOVE);
  const says = rows.map((row) => {
    const [lowest, highest] = extent(row.points.map(([, value]) => value));
    const [step, last] = row.points.at(-1);
    return t("curve_says", {
      name: [row.group, name].filter(Boolean).join(" "), n: count(row.points.length), first: figure(row.points[0][1]),
      last: figure(last), step: figure(step), min: figure(lowest), max: figure(highest),
    });
  }).join("; ");
  const lines = rows.map((row) => {
    const which = `c${groups.indexOf(row.group) % COLOURS}`;
    const path = row.points.map(([step, value], at) => `${at ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    const [step, value] = row.points.at(-1);
    return [svg("path", { class: `curve ${which}`, d: path }), svg("circle", { class: `end ${which}`, cx: x(step).toFixed(1), cy: y(value).toFixed(1), r: 3 })];
  });
  const label = (text, at, high_, anchor) => svg("text", { x: at, y: high_, "text-anchor": anchor }, text);
  return el("figure", { class: "drawing", data: { key: `curve-${name}` } },
    el("figcaption", {}, el("b", {}, name), " ", rows.length === 1 && el("span", { class: "newest" }, figure(rows[0].last))),
    svg("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": says },
      [bottom, (bottom + top) / 2, top].map((value) => svg("line", { class: "grid", x1: LEFT, x2: WIDE - RIGHT, y1: y(value).toFixed(1), y2: y(value).toFixed(1) })),
      lines,
      label(figure(top), LEFT - 6, y(top) + 4, "end"), label(figure(bottom), LEFT - 6, y(bottom) + 4, "end"),
      label(figure(begin), LEFT, HIGH - 5, "start"), label(figure(end), WIDE - RIGHT, HIGH - 5, "end"), label(t("step"), (LEFT + WIDE - RIGHT) / 2, HIGH - 5, "middle")),
    rows.length > 1 && el("ul", { class: "groups" }, rows.slice(0, 12).map((row) =>
      el("li", {}, el("i", { class: `c${groups.indexOf(row.group) % COLOURS}`, aria: { hidden: "true" } }), row.group || "–", " ", el("b", {}, figure(row.last))))));
}

function extent(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}
