// Texts in the reader's language, numbers and times.

const WORDS = JSON.parse(document.getElementById("words").textContent);
const lang = document.documentElement.lang;

/** A text, filled in. */
export function t(key, values = {}) {
  const text = WORDS[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all));
}

export function stateWord(state) {
  return WORDS[`state.${state}`] ?? state;
}

/** A span in seconds with at most two units, as jido writes it: 6d, 3h20m, 12s. */
export function span(seconds) {
  let left = Math.max(0, Math.round(seconds));
  if (left < 60) return `${left}s`;
  const parts = [];
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]]) {
    const count = Math.floor(left / size);
    left %= size;
    if (count) parts.push(`${count}${unit}`);
    else if (parts.length) break;
  }
  return parts.slice(0, 2).join("");
}

const relative = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });

export function ago(at) {
  const passed = Date.now() / 1000 - at;
  const size = Math.abs(passed);
  if (size < 60) return relative.format(-Math.round(passed), "second");
  if (size < 3600) return relative.format(-Math.round(passed / 60), "minute");
  if (size < 86400) return relative.format(-Math.round(passed / 3600), "hour");
  return relative.format(-Math.round(passed / 86400), "day");
}

export function moment(at) {
  const then = new Date(at * 1000);
  const today = then.toDateString() === new Date().toDateString();
  const time = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
  const day = today ? {} : { year: "numeric", month: "short", day: "numeric" };
  return new Intl.DateTimeFormat(lang, { ...day, ...time, hour12: false }).format(then);
}

/** Bytes as jido writes them: 14T, 63.2K. */
export function size(bytes) {
  if (bytes === null || bytes === undefined) return t("not_known");
  let value = bytes;
  for (const unit of ["", "K", "M", "G", "T", "P"]) {
    if (value < 1000 || unit === "P") {
      return `${value >= 100 || unit === "" || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)}${unit}`;
    }
    value /= 1024;
  }
  return String(bytes);
}

export function count(number) {
  return new Intl.NumberFormat(lang).format(number);
}

/** A figure in few letters, of four digits that count. */
export function figure(value) {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return "0";
  const big = Math.abs(value);
  if (big >= 1e6 || big < 1e-3) return value.toExponential(2).replace("e+", "e");
  return String(Number(value.toPrecision(4)));
}
